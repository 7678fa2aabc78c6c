"""D34: texts that a template engine or a page would run. Scripts are said as written: nothing evaluates them."""

import orjson
import pytest

from campaign.catalogue import Offer, Script, snapshot
from campaign.offer_index import compile_catalogue

INJECTED = {
    "braces": "{{7*7}}",
    "dollar": "${7*7} $name",
    "percent": "%s %(name)s {% print 49 %}",
    "format": "{0.__class__.__mro__} {name!r}",
    "element": "<script>alert(1)</script>",
    "address": "javascript:alert(1)",
}


@pytest.mark.parametrize("kind", INJECTED)
def test_d34_a_script_is_a_text_and_no_template(kind: str) -> None:
    text = INJECTED[kind]
    offer = Offer.model_validate(
        {"code": "deposit", "version": 1, "name": {"zh": text, "en": text}, "expected_margin_minor": 100}
    )
    script = Script(id="s", version=1, offer="deposit", channel="counter", zh=text, en=text)
    catalogue = compile_catalogue(1, snapshot([offer], [script])[0])
    # What a decision answers is these bytes, as they stand.
    said = orjson.loads(catalogue.rendered.scripts["deposit", "counter"])
    assert said | {"text": {"zh": text, "en": text}} == said
    assert orjson.loads(catalogue.rendered.names[0]) == {"zh": text, "en": text}
