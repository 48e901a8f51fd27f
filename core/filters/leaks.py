"""Does a text speak of the hint or the label it was shown?

Pure wording rules: someone's preference or vote is spoken of as known, the ask is spoken of as an
ask, or an outcome is spoken of as given. Nothing here knows a phrase of any one teacher.
"""

from __future__ import annotations

import re

_PEOPLE = (
    r"(?:humans?|people|persons?|annotators?|raters?|users?|voters?|evaluators?|reviewers?|judges"
    r"|labell?ers?|participants?|respondents?|viewers?|crowd(?:workers?)?|the\s+majority|panel)"
)
_LIKING = (
    r"(?:preferred|prefer|prefers|preference|preferences|chose|choose|chosen|choice|choices|picked"
    r"|pick|selected|select|selection|voted|votes?|favou?red|favou?rs?|liked|likes?|verdict"
    r"|judge?ments?|decision|ranking|ranked|rated|annotations?|labels?|labell?ed|opinion|feedback)"
)
_TOLD = (
    r"(?:hint|hints|given\s+label|ground[\s-]?truth|gold(?:en|[\s-]standard)?\s+(?:label|answer)"
    r"|reference\s+(?:answer|label|choice|preference)|answer\s+key|annotated|pre-?determined)"
)
_GIVEN = (
    r"(?:given|stated|provided|indicated|known|supplied|noted|reported|recorded|told|mentioned"
    r"|specified|expected|established|declared|disclosed|revealed|official|correct|target|desired"
    r"|intended|actual|true|final|overall|above|aforementioned)"
)
_OUTCOME = r"(?:preference|preferences|label|verdict|winner|outcome|choice|answer|decision|result)"

_PATTERNS = (
    rf"\b{_PEOPLE}(?:'s|s'|’s|s’)?\s+(?:\w+\s+){{0,3}}{_LIKING}\b",
    rf"\b{_LIKING}\s+(?:\w+\s+){{0,2}}(?:by|of|from|among)\s+(?:\w+\s+){{0,3}}{_PEOPLE}\b",
    rf"\b{_TOLD}\b(?!\s+of\s+(?:colou?r|light|blue|red|green|gold|pink|yellow|purple|orange))",
    rf"\b(?:the|this|that|with|a|our|my)\s+{_GIVEN}\s+{_OUTCOME}\b",
    rf"\b{_OUTCOME}\s+(?:that\s+)?(?:(?:is|was|were|has\s+been|i\s+was|we\s+were|you)\s+)?"
    r"(?:given|stated|provided|indicated|supplied|told|disclosed|revealed|shown\s+to\s+me"
    r"|mentioned|specified|established|known|recorded|handed)\b",
    r"\b(?:i|we)\s+(?:was|were|am|are|have\s+been|had\s+been|'ve\s+been)\s+(?:\w+\s+)?"
    r"(?:told|informed|instructed|asked|given|shown|advised|made\s+aware|notified)\b",
    r"\b(?:i|we)\s+(?:already\s+)?(?:know|knew)\s+(?:\w+\s+){0,3}(?:image|picture|candidate|option"
    r"|one|which|that|who|winner|outcome|answer|preferred)\b",
    r"\b(?:as|per)\s+(?:the\s+)?(?:instructions?|prompt|hint|label|annotation|note|message|task)\b",
    rf"\b(?:according\s+to|in\s+(?:line|keeping|agreement|accordance)\s+with|consistent\s+with"
    rf"|matches|matching|match|aligns?\s+with|aligned\s+with|agrees?\s+with|agreeing\s+with"
    rf"|reflects?|reflecting|supports?|supporting|justif(?:y|ies|ying)|explains?|explaining"
    rf"|confirms?|confirming|because\s+of|based\s+on|due\s+to|to\s+fit|follows?|following"
    rf"|respects?|honou?rs?|in\s+view\s+of|in\s+light\s+of|despite|contrary\s+to)\s+"
    rf"(?:the|this|that|your|their|its)\s+(?:\w+\s+){{0,2}}"
    r"(?:preference|preferences|label|verdict|hint|votes?|annotations?|outcome|choice|winner)\b",
    r"\b(?:preference|vote|voting|annotation|labell?ing)\s+(?:data|information|signal|score|scores"
    r"|record|results?|says|shows|indicates|suggests|states|goes|went|favou?rs|points)\b",
    r"\b(?:was|were|is|are|being|been)\s+(?:already\s+|clearly\s+|ultimately\s+|actually\s+)?"
    r"(?:preferred|chosen|picked|selected|voted|marked|labell?ed|annotated|designated|declared"
    r"|tagged|flagged|listed)\s+(?:as\s+)?(?:the\s+)?(?:better|best|winner|winning|preferred"
    r"|favou?rite|superior|choice)\b",
    r"\b(?:image|picture|candidate|option)\s+[AB]\s+(?:was|has\s+been|had\s+been)\s+"
    r"(?:\w+\s+)?(?:preferred|chosen|picked|selected|favou?red)\b",
    r"\b(?:since|because|given\s+that|knowing\s+that|as)\s+(?:the\s+)?(?:image\s+|picture\s+)?"
    r"(?:[AB]|it|this\s+(?:one|image)|the\s+(?:first|second|other)(?:\s+(?:one|image))?)\s+"
    r"(?:is|was)\s+(?:the\s+)?(?:preferred|chosen|winner|winning|labell?ed|favou?red|favou?rite)\b",
    r"\b(?:the|a)\s+(?:preferred|chosen|winning|favou?red|rejected|dispreferred|losing)\s+"
    r"(?:image|picture|one|candidate|option|output|result|sample|generation)\b",
)
_LEAK = re.compile("|".join(f"(?:{p})" for p in _PATTERNS), re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|‘[^’\n]{1,200}’")


def find_leak(text: str) -> str | None:
    """The words by which a text gives the hint or label away, or None.

    Quotations are passed over: what the request wants written in the image is not the judge's word.
    """
    found = _LEAK.search(_QUOTED.sub('""', text))
    return found[0] if found else None
