"""Does a text speak of the hint or the label it was shown?

Wording rules in four families, none of which knows a phrase of any one teacher: someone who rated
is spoken of; a label, vote or hint says something; an outcome is spoken of as given; the writer
speaks of having been told. A judge's own verdict ("Image A wins") is no leak.
"""

from __future__ import annotations

import re

_SIDE = (
    r"(?:(?:image|picture|candidate|option|sample|edit)\s+[AB]\b|(?:the\s+)?(?:first|second|former"
    r"|latter|other)\b|(?-i:\b[AB]\b))"
)
# Words for those who rated that have hardly another use, and words that also stand in pictures.
_RATERS = (
    r"(?:annotators?|raters?|graders?|labell?ers?|crowd[\s-]?workers?|evaluators?|test\s+subjects?"
    r"|human\s+(?:judges?|voters?|evaluators?|reviewers?|graders?|raters?|annotators?|viewers?"
    r"|observers?|participants?|labell?ers?|subjects?|preferences?|favou?rites?|choices?|votes?|picks?"
    r"|labels?|verdicts?|feedback|ratings?|rankings?|opinions?|judge?ments?|decisions?))"
)
_PEOPLE = (
    r"(?:humans?|people|persons?|users?|voters?|reviewers?|judges|participants?|respondents?"
    r"|viewers?|observers?|panel|majority|public|whoever\s+\w+|those\s+who\s+\w+)"
)
_LIKED = (
    r"(?:prefer(?:red|s|ences?)?|chose|choosing|chosen|choices?|picked|picks?|selected|selections?"
    r"|voted|votes?|voting|favou?red|favou?rs?|favou?rites?|liked|likes?|verdicts?|judge?ments?"
    r"|decisions?|decided|ranking|ranked|rated|ratings?|annotations?|labels?|labell?ed|opinions?"
    r"|feedback|approval|nod|sided|leaned|leant|swayed|rewarded|forg[ai]ve|valued|deemed|appreciated"
    r"|won\s+over|overlooked|care\s+for|place[sd]?\s+(?:it|[AB])|leaning|drawn|convinced|agreed)"
)
_SAID = (
    r"(?:sa(?:ys|id|ying)|states?|stated|lists?|listed|shows?|indicates?|indicated|suggests?|tells?"
    r"|told|favou?rs?|favou?red|goes\s+to|went\s+to|points?\s+(?:to|at)|names?|marks?|dictates?"
    r"|gives?|fits?|reads?|is|was|attached|for)"
)
_RECORD = (
    r"(?:(?:hidden|given|true|provided|positive|negative|correct|official|gold(?:en)?|supplied"
    r"|reference|preference|human|attached|known|target|assigned)\s+)?"
    r"(?:labels?|tags?|hints?|annotations?|ground[\s-]?truth|answer\s+key|preference\s+(?:data|label))"
)
_GIVEN = (
    r"(?:given|stated|provided|indicated|known|supplied|disclosed|revealed|settled|established"
    r"|predetermined|pre-determined|recorded|communicated|announced|reported|decided|handed|declared"
    r"|expected|presupposed|dictated|prescribed|official|reference|gold(?:en)?|target)"
)
_OUTCOME = (
    r"(?:preferences?|label|verdict|winner|outcome|choice|answer|decision|result|ranking|judge?ment"
    r"|conclusion|favou?rite)"
)
_TOLD = (
    r"(?:told|informed|instructed|advised|notified|expected|supposed|required|meant|made\s+aware"
    r"|given\s+to\s+(?:understand|know)|asked\s+to\s+(?:explain|justify|favou?r|defend|argue|support)"
    r"|shown\s+(?:the|which|that))"
)
_WHY = r"(?:why|justify|justification|defend|explain\s+(?:why|the)|argue|arrive|favou?r|conclude)"

_PATTERNS = (
    # Someone who rated.
    rf"\b{_RATERS}\b",
    rf"\b{_PEOPLE}(?:'s?|’s?)?\s+(?:[\w-]+\s+){{0,5}}?{_LIKED}\b",
    rf"\b{_LIKED}\s+(?:[\w-]+\s+){{0,2}}?(?:by|of|from|among|with|over)\s+(?:the\s+|most\s+|real\s+"
    rf"|other\s+|actual\s+)?{_PEOPLE}\b",
    r"\b(?:whoever|those\s+who|the\s+(?:person|people)\s+who)\s+(?:voted|label\w+|chose|picked|rated)",
    r"\b(?:real|actual)\s+people\s+(?:were\s+)?(?:asked|said|thought|saw|judged)",
    rf"\b(?:crowd|panel|majority|public|audience|voters?|respondents?|participants?|people|humans?)"
    rf"(?:'s|’s|s'|s’)\s+(?:\w+\s+)?{_LIKED}\b",
    r"\b(?:favou?red|preferred|winning|losing)\s+(?:status|rank|position|side)\b",
    # A record of the preference speaks.
    r"\b(?:the|this|that|your|their|stated|known)\s+(?:(?!a?esthetic|visual|personal|style|my)\w+\s+)?"
    r"preferences?\b",
    r"\bpreferences?\s+(?:for\s+\S+\s+)?(?:that\s+)?(?:(?:i|we)\s+)?(?:was|were|is|are|have\s+been|has"
    rf"\s+been)?\s*(?:{_GIVEN}|shown|told)\b",
    r"\bannotated\s+(?:as|answer|label|winner|better|preference|choice)\b",
    r"\b(?:from|by|with|given|per|in)\s+the\s+(?:label|hint|annotation|tag)\b(?!\s+(?:on|of|and|is"
    r"|text|reading|design|itself|in\s+the\s+(?:image|picture)))",
    r"\b(?:marked|listed|tagged|flagged|labell?ed|designated|declared|named|given|recorded)\s+as\s+"
    r"(?:the\s+)?(?:winner|better|best|preferred|favou?rite|superior|favou?red|loser|worse)\b",
    rf"\b(?:the|this|that|a)\s+{_RECORD}\s+(?:\w+\s+){{0,2}}?{_SAID}\s+(?:\w+\s+){{0,3}}?{_SIDE}",
    r"\b(?:hidden|given|true|provided|positive|negative|correct|gold(?:en)?|supplied|preference)\s+"
    r"(?:labels?|hints?|annotations?)\b",
    r"\b(?:the|this|that|your|a)\s+hint\b(?!\s+of\b)(?!\s+(?:bubble|button|text|arrow))",
    r"\bhint\s+(?:says|said|given|provided|states|indicates|points|tells)\b",
    r"\bground[\s-]truth\b|\bhuman[\s-]preferred\b|\banswer\s+key\b",
    rf"\b(?:pair|example|image|sample|data)\s+(?:was|is|has\s+been)\s+(?:labell?ed|annotated|tagged)"
    rf"\s+(?:\w+\s+){{0,4}}?(?:{_SIDE}|better|best|winner|preferred|positive)",
    r"\b(?:status|place|position|listed|marked|label)\s+in\s+the\s+(?:data|dataset|annotations?)\b",
    r"\bpreference\s+(?:data|information|signal|record|annotation|judge?ment|label)\b",
    r"\b(?:assessors?|testers?|selectors?|committee|those\s+polled|most\s+who|"
    r"most\s+(?:folks|people|viewers)|ordinary\s+(?:people|viewers)|someone\s+comparing|those\s+comparing"
    r"|those\s+who\s+(?:saw|compared|looked|judged)|people\s+doing\s+the|the\s+people\s+who"
    r"|whoever\s+was|humans\s+(?:evidently|apparently|clearly|seem))\b",
    r"\b(?:respondents|participants|voters|viewers|observers|public)\s+(?:\S+\s+){0,4}?"
    r"(?:must\s+have|seem|would\s+seem|evidently|apparently|took\s+to|responded|approv\w+|warmed"
    r"|weren't|were\s+not|ended\s+up|went\s+(?:for|with)|put\s+(?:image\s+)?[AB]\b|found\s+"
    r"(?:image\s+)?[AB]\b|didn't|did\s+not)",
    r"\b(?:tally|votes?|poll|ballots?)\b(?:\s+\S+){0,3}?\s+(?:fell|has|had|shows?|went|goes|put|count)\b",
    r"\b(?:won|wins)\s+(?:people|them|viewers|voters|everyone)\s+over\b",
    r"\b(?:cost\s+it|collected?|gathered?|earned|won|received|got)\s+(?:more\s+|the\s+)?(?:votes|approval"
    r"|thumbs[\s-]ups?|nod|vote)\b",
    r"\b(?:approval\s+rate|blind\s+test|warmer\s+welcome|better[\s-]liked|final\s+(?:pick|tally|vote))\b",
    rf"\b(?:metadata|ticket|entry|row|record|file|field|marker|tag|label|dataset|database|key|sheet)\b"
    rf"(?:\s+\S+){{0,5}}?\s+(?:names?|lists?|says|reads|points?|shows?|gives?|tells?|tell(?:ing)?\s+me|has|marks?|is)\s+"
    rf"(?:\S+\s+)?{_SIDE}",
    r"\b(?:label|outcome|record)\s+(?:for|of|on)\s+(?:this|these|the)\s+(?:pair|comparison|two|file)\b",
    r"\b(?:reveal|repeat|mention|contradicts?|read)\w*\s+the\s+(?:label|hint|outcome)\b|\bthe\s+label\s+contradicts\b",
    r"\b(?:recorded|listed|logged|registered|stored)\s+as\b",
    r"\bas\s+label(?:l)?ed\b",
    # An outcome is given.
    r"\b(?:got|was|is|been|were|as)\s+(?:\w+\s+)?(?:picked|chosen|selected|favou?red)\b",
    r"\b(?:one\s+(?:that|which)\s+(?:was|is|got)|which\s+(?:one|image|of\s+\w+)\s+(?:was|is|got|ended))\s+"
    r"(?:\w+\s+)?(?:picked|chosen|selected|favou?red|preferred)\b",
    r"\b(?:the|this|final|known)\s+(?:pick|outcome|result)\b\s+(?:was|of|sits|makes|seems?|in\s+hand|i|that)\b",
    r"\bpuzzling\s+outcome|outcome\s+in\s+hand|pre-announced|in\s+hindsight|already\s+(?:know|knew)\b",
    r"\bhas\s+been\s+(?:declared|named|settled|closed)\b|\bcase\s+has\s+been\s+closed\b",
    rf"\b(?:settled|decided)\s+already\b|\bknown\s+to\s+be\s+{_SIDE}",
    r"\bdidn't\s+get\s+(?:chosen|picked)|image\s+they\s+(?:selected|chose|picked)\b",
    r"\bthey\s+(?:ended\s+up\s+)?(?:choosing|chose|picked|selected|preferred|voted)\b",
    r"\b(?:scores?|rated?)\s+(?:assigned\s+)?(?:by\s+humans|higher\s+with)\b|\bhuman\s+taste\b",
    r"\b(?:side|answer|conclusion)\s+(?:i've|i\s+have|we've)\s+been\b|\bhaving\s+been\s+(?:given|told)\b",
    r"\b(?:starting|working)\s+(?:back(?:wards)?\s+)?from\s+the\s+(?:conclusion|answer|result)\b",
    r"\bmy\s+(?:instructions|explanation)\s+(?:name|say|has|have|must|need)\b|\bi\s+will\s+pretend\b",
    r"\brationali[sz]e\s+the\b|\bput\s+before\s+(?:people|viewers|an?\s+audience)\b|\bhad\s+i\s+not\s+known\b",
    rf"\b(?:the|this|that|with|a|our|my)\s+(?:\w+\s+)?{_GIVEN}\s+{_OUTCOME}\b",
    rf"\b{_OUTCOME}\s+(?:(?:that|which)\s+)?(?:(?:is|was|were|has\s+been|had\s+been)\s+)?(?:already\s+)?"
    rf"(?:{_GIVEN}|told|conveyed|communicated)\b(?!\s+(?:colou?r|size|number))",
    rf"\balready\s+{_GIVEN}\b|\b{_GIVEN}\s+(?:beforehand|in\s+advance|at\s+the\s+(?:start|outset))\b",
    rf"\b(?:has|have|had|was|were|is|been)\s+(?:\w+\s+)?{_GIVEN}\s+as\s+{_SIDE}",
    r"\bbetter\s+(?:image|one|edit|sample|of\s+the\s+(?:pair|two))\s+(?:has\s+been|was|is)\s+"
    rf"(?:{_GIVEN}|already|named)\b",
    r"\bto\s+be\s+(?:regarded|treated|taken|seen|considered)\s+as\s+the\s+(?:better|best|winner)",
    rf"\b(?:task|instructions?|question)\s+(?:itself\s+)?(?:presuppos|assum|mak|tell|nam|favou?r|point)"
    rf"\w*\s+(?:\w+\s+){{0,6}}?(?:better|best|winner|preferred|favou?red|{_SIDE})",
    r"\binstructions?\s+to\s+(?:favou?r|prefer|choose|pick)\b",
    r"\b(?:information|details?|note|knowledge)\s+(?:that\s+)?(?:(?:we|i)\s+)?(?:was|were|is|are)?\s*"
    r"(?:supplied|provided|given|received|attached)\b",
    rf"\b(?:{_SIDE})\s+(?:\w+\s+){{0,2}}?(?:was|has\s+been|had\s+been|ended\s+up|came\s+out)\s+(?:as\s+"
    r"|\w+ly\s+)?(?:the\s+)?(?:preferred|chosen|picked|selected|favou?red|(?:human\s+)?favou?rite)\b",
    r"\b(?:since|because|given\s+that|knowing\s+that|as)\s+(?:the\s+)?(?:image\s+|picture\s+)?"
    r"(?:[AB]|it|this\s+(?:one|image))\s+(?:is|was)\s+(?:the\s+)?(?:preferred|chosen|winner|winning"
    r"|labell?ed|favou?red|favou?rite)\b",
    r"\bthe\s+(?:preferred|chosen|dispreferred|non-?preferred)\s+(?:image|picture|one|candidate"
    r"|sample|output)\b",
    r"\bin\s+(?:the|this|that)\s+(?:study|survey|poll|vote|experiment|comparison\s+study)\b",
    r"\bresult\s+was\s+(?:\w+\s+)?a\s+(?:win|loss)\b",
    r"\b(?:according\s+to|in\s+(?:line|keeping|agreement|accordance)\s+with|consistent\s+with"
    r"|match(?:es|ing)?|align(?:s|ed)?\s+with|agree(?:s|ing)?\s+with|reflect(?:s|ing)?|explain(?:s|ing)?"
    r"|support(?:s|ing)?|justif(?:y|ies|ying)|confirm(?:s|ing)?|contradict(?:s|ing)?|square[sd]?\s+with"
    r"|respect(?:s|ing)?|account(?:s|ing)?\s+for|in\s+view\s+of|in\s+light\s+of|despite|contrary\s+to)"
    r"\s+(?:the|this|that|your|their)\s+(?:\w+\s+)?(?:preferences?|labels?|votes?|annotations?|hint"
    r"|outcome|verdict|winner)\b",
    r"\b(?:what|which)\s+(?:was|is|has\s+been)\s+(?:indicated|stated|given|told|provided)\b",
    # The writer was told.
    r"\b(?:i|we)\s+(?:was|were|am|are|have\s+been|had\s+been|'ve\s+been)\s+(?:just\s+|already\s+)?"
    r"(?:given|shown|handed|provided|told|supplied|passed|sent)\b",
    r"\b(?:being|be|been|am|are|was|were)\s+(?:fully\s+|made\s+|already\s+|well\s+)?aware\s+(?:that|of)"
    r"\s+(?:\w+\s+){0,3}?(?:[AB]\b|preferred|winner|label|preference|outcome|result|choice)",
    r"\b(?:verdict|conclusion|answer|outcome|result|side|winner)\s+(?:that\s+)?(?:i|we)\s+(?:am|are|was"
    r"|were|must|should|have\s+to|need\s+to)\b",
    rf"\b(?:i|we|i'm|i’m|we're)\s+(?:(?:am|was|were|are|have\s+been|had\s+been|'ve\s+been)\s+)?"
    rf"(?:\w+\s+)?{_TOLD}\b",
    rf"\b(?:i|we)\s+(?:must|should|have\s+to|need\s+to)\s+(?:\w+\s+)?{_WHY}\b",
    r"\b(?:model|judge|evaluator)\s+is\s+(?:asked|told|expected|required)\s+to\b",
    r"\bas\s+(?:told|informed|revealed|disclosed)\b|\bas\s+instructed,?\s+(?:i|we|image\s+[AB]|[AB]\b)",
    r"\b(?:i|we)\s+(?:already\s+)?(?:know|knew)\s+(?:\w+\s+){0,3}?(?:which|winner|outcome|answer"
    r"|preferred|won)\b",
    r"\banswer\s+(?:that\s+)?(?:i|we)\s+(?:am|'m|’m|are|was|were)\b",
)
_LEAK = re.compile("|".join(f"(?:{p})" for p in _PATTERNS), re.IGNORECASE)
_QUOTED = re.compile(
    r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|‘[^’\n]{1,200}’|(?<!\w)'[^'\n]{1,200}'(?!\w)"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def find_leak(text: str) -> str | None:
    """The words by which a text gives the hint or label away, or None.

    Quotations are passed over: what the request wants written in the image is not the judge's word.
    """
    for sentence in _SENTENCE.split(_QUOTED.sub('""', text)):
        found = _LEAK.search(sentence)
        if found:
            return found[0]
    return None
