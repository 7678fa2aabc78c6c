"""A version's card as a page: one HTML file with pictures, to hand to whoever must judge the model. Pure."""
