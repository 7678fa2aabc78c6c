"""The numbers of life-cycle stages and of segments by rule. Changing one changes what a stage means to staff."""

from insight.models import Parameters

# See models/lifecycle.sql.
LIFECYCLE: Parameters = {
    "new_days": 90,
    "honeymoon_days": 365,
    "lost_days": 180,
    "decline_percent": 30,
    "growth_percent": 10,
}
STAGES = ("new", "honeymoon", "growth", "mature", "decline", "lost")

# See models/segments.sql.
SEGMENTS: Parameters = {"payroll_months": 3, "silver_hair_age": 60, "digital_share": 0.5}
