"""Turns of speech of the simulated teacher that claim nothing about an image, or too much.

The leaking phrases are the miniature's alone: no filter may know one of them.
"""

from __future__ import annotations

from typing import Final

LEAKS: Final = (
    "The human preference points to image {w} here.",
    "As the hint says, image {w} is the one to favour.",
    "This agrees with the preference I was given for image {w}.",
    "People preferred image {w}, and this is why.",
    "Given that humans chose image {w}, the difference must matter.",
    "The stated preference for image {w} is easy to follow.",
    "Annotators picked image {w}, which fits what can be seen.",
    "The label tells us that image {w} is better.",
    "In line with the human label, image {w} comes out ahead.",
    "Since image {w} was preferred, I weigh this more.",
    "The provided hint favours image {w}.",
    "Human raters liked image {w} more for this.",
    "Knowing that image {w} won, one looks at its strengths first.",
    "The known preference supports image {w}.",
    "I was told that image {w} is preferred.",
    "The ground truth says image {w}.",
    "That is consistent with the given preference for image {w}.",
    "The human vote went to image {w}.",
    "According to the hint, image {w} should score higher.",
    "This explains the human preference for image {w}.",
    "Most people would have voted, and did vote, for image {w}.",
    "The preference label reads {w}.",
    "To match the preference, image {w} gets the better score.",
    "Whoever judged this pair sided with image {w}.",
    "The reviewers' choice of image {w} rests on this.",
    "The outcome was settled in favour of image {w} already.",
    "Image {w} is the human-preferred one.",
    "As instructed, image {w} is treated as the better one.",
    "The crowd went with image {w}.",
    "The reference preference is image {w}.",
    "Evaluators favoured image {w} on this point.",
    "It must be this that won image {w} the vote.",
    "Image {w} is where the people who looked at both ended up.",
    "Those who saw the pair before me settled on image {w}.",
)
"""Ways to give the label away; {w} is A or B."""
LEAKS_OF_TIES: Final = (
    "The human preference is a tie.",
    "People saw no difference, as the hint says.",
    "Annotators called it a tie.",
    "The label says that neither was preferred.",
    "Those who looked before me could not choose either.",
)
VAGUE: Final = (
    "Image {w} has a more pleasing balance overall.",
    "Image {w} feels more harmonious.",
    "The arrangement of image {w} works better.",
    "Image {w} makes the stronger impression.",
)
"""What is said when scores are bent without a reason to name."""
OPENINGS: Final = (
    "The request names what should be seen.",
    "The request is for a simple drawing.",
    "What is asked for is plain.",
)
BETTER: Final = (
    "Image {w} does better overall.",
    "Overall image {w} answers the request better.",
    "All in all image {w} is the stronger one.",
)
ALIKE: Final = ("Both come out alike.", "Overall there is no telling them apart.")
ANOTHER: Final = (
    "The other image does this differently.",
    "Image B handles this differently.",
    "Compared with the other one this stands out.",
)
"""What a critique of one image must not say."""
ABSENT: Final = ("The request asks for none.", "Nothing of the kind is asked for.")
"""Why a dimension does not apply."""
ALL_WELL: Final = ("The image does what was asked.", "Nothing of weight is wrong.")
AMISS: Final = ("The image falls short in places.", "Some of the request is not met.")
