"""How the page looks, light and dark, and the policy that lets it do nothing else."""

from base64 import b64encode
from hashlib import sha256

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5d6976; --back: #f4f6f7; --paper: #fff; --line: #dfe4e8;
--one: #0b6e6e; --two: #c8641b; font: 16px/1.55 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --back: #11161b; --paper: #1a2128;
--line: #303a44; --one: #4fb8b3; --two: #f0a162; } }
body { margin: 0; color: var(--ink); background: var(--back); }
main { max-width: 720px; margin: 0 auto; padding: 24px 16px 64px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 16px 20px;
margin: 16px 0; }
h1 { font-size: 1.5rem; margin: 8px 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 0 0 8px; }
p { margin: 6px 0; } .soft { color: var(--soft); } code { overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } svg text { font-size: 13px; fill: var(--ink); }
svg .one { fill: var(--one); } svg .two { fill: var(--two); } svg .soft { fill: var(--soft); }
svg .line { fill: none; stroke-width: 2.5; } svg .line.one { stroke: var(--one); } svg .line.two { stroke: var(--two); }
svg .line.soft { stroke: var(--soft); stroke-dasharray: 4 4; } svg .grid { stroke: var(--line); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 5px 8px; vertical-align: top;
border-top: 1px solid var(--line); overflow-wrap: break-word; } th { color: var(--soft); font-weight: 500; }
td:first-child { min-width: 6em; }
.language { position: absolute; opacity: 0; } label { padding: 2px 10px; border: 1px solid var(--soft);
border-radius: 12px; cursor: pointer; margin-right: 4px; } .en { display: none; }
#english:checked ~ main .en { display: inline; } #english:checked ~ main .zh { display: none; }
#chinese:checked ~ main label[for=chinese],
#english:checked ~ main label[for=english] { background: var(--one); color: var(--paper); }
#chinese:focus-visible ~ main label[for=chinese],
#english:focus-visible ~ main label[for=english] { outline: 2px solid var(--two); }
@media print { label { display: none; } section { break-inside: avoid; } }
"""
# Only these very bytes style the page: nothing else is loaded, run, framed or sent.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'"
)
