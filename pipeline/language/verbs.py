"""English verb forms, as far as the rules for claims need them, by word lists instead of a parser.

A form is *finite* when it can only be the verb of a clause ("took", "was", "becomes"), *open* when it can be a
participle as well ("arrested", "sent").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pipeline.language.word_lists import word_set

Form = Literal["finite", "open", ""]


BE = word_set("am is are was were")
HAVE = word_set("has have had")
MODALS = word_set("will would shall should can could may might must cannot")
_AUXILIARIES = BE | HAVE | MODALS | word_set("do does did")
_PAST_ONLY = word_set(
    "ate began bore broke chose drank drew drove fell flew forgave forgot froze gave grew hid knew lay rang rode rose "
    "sang sank saw shook showed spoke sprang stole swam swore threw took tore went withdrew woke wore wrote became "
    "came overcame ran overran undertook mistook forsook foresaw undid underwent arose awoke"
)
_PAST_AND_PARTICIPLE = word_set(
    "bought brought built burnt caught clung crept dealt dug fed felt fought found fled heard held hung kept knelt "
    "laid learnt led left lent lit lost made meant met misled paid read said sent set shone shot slept slid sold "
    "sought spent spun spread stood struck stuck swept swung taught thought told understood wept withstood won wound "
    "bound bred cast cut hit hurt let put quit shut split bent bet bled flung ground rid sat shed slew spat sped"
)
_PARTICIPLES = word_set(
    "been begun born borne broken chosen done drawn driven drunk eaten fallen flown forbidden forgiven forgotten "
    "frozen given gone grown hidden known ridden risen run seen shaken shown slain spoken stolen sunk sung sworn "
    "taken thrown torn withdrawn woken worn written become come overcome undertaken"
)
_PRESENT_ONLY = word_set(
    "accepts accuses agrees allows asks becomes befriends begins believes brings buys catches chooses comes confesses "
    "confides decides declares defeats denies discovers encounters enters escapes explains falls flees forgives gains "
    "gives goes grows hears helps hides hires informs insists invites joins kills knows learns loses makes marries "
    "meets obtains overhears persuades realizes receives recognizes refuses rejects remains rescues reveals sails "
    "says seeks sells sends speaks steals suffers swears takes teaches tells thinks threatens understands urges wins "
    "writes has does is announces appears arranges arrives attends awakens compares considers continues convinces "
    "creates defends departs describes destroys embarks encourages engages enlists examines exposes expresses feels "
    "finds gathers identifies ensures imagines inspects intends investigates keeps listens captures manages observes "
    "opens overcomes pleads prepares prevents proposes protects proves provides reads realises reflects reminds "
    "removes resists responds retrieves sees serves settles succeeds suggests tries confronts devises dismisses "
    "embraces owns wears"
)
_PAST = re.compile(
    r"(?!(?:indeed|hundred|sacred|wicked|kindred|naked|shred|biped|\w*(?<!agr)(?<!fr)(?<!decr)(?<!guarant)eed)$)"
    r"[a-z]+(?:-[a-z]+)*[a-z]ed$"
)

LIKE_NOUNS = word_set(
    "saw rose shot felt bore wound cut set spoke thought left cast read put lay ground bound shed run"
)
"""Forms that are also common nouns or adjectives, and are read as verbs only before an object."""
ADJECTIVAL = word_set(
    "abandoned aged armed banned beloved bearded captured carved celebrated coloured colored condemned convicted "
    "cooked crippled crooked cursed dried educated enslaved escaped exiled experienced gifted hardened hooded injured "
    "learned married masked noted orphaned painted poisoned printed related retired ruined salted scattered skilled "
    "smoked starved talented tired trusted used wounded united unused uneducated unexpected unknown hated loved"
)
"""Participles so common before a noun that "and wounded men" is read as a noun with its adjective."""
INTRANSITIVE = word_set(
    "died lived worked walked returned arrived departed escaped fled travelled traveled sailed settled stayed "
    "remained served studied fought slept wept disappeared vanished drowned perished prayed wandered lingered "
    "emigrated enlisted retired succumbed collapsed starved begged waited struggled survived suffered recovered"
)
PASSIVE = word_set(
    "shipped sent arrested re-arrested imprisoned jailed recommended transferred exiled banished expelled deported "
    "transported sentenced condemned reared raised educated apprenticed sold adopted captured accused suspected "
    "poisoned wounded orphaned enslaved forced driven taken thrown brought released pardoned executed hanged killed "
    "murdered buried banned dismissed promoted demoted wrecked rescued betrayed blinded widowed christened baptised "
    "baptized ordained confined locked chained tortured flogged beaten assigned posted committed"
)
"""Participles that are passive after "was", or at the start of a note and without an object."""
TWO_OBJECTS = word_set(
    "given granted offered taught told shown paid awarded called named made appointed declared proclaimed branded "
    "elected crowned dubbed promised allowed asked denied left lent sold sent handed assigned"
)
"""Participles that may have an object in the passive: "was tried and granted a pardon"."""
PERCEIVING = word_set(
    "saw watched heard felt found had has got left kept made let wanted ordered helped sees watches hears finds feels "
    "gets keeps lets wants orders helps noticed notices leaves makes allowed allows caused causes"
)
"""Verbs after which a participle may belong to what is seen or made: "saw the ship burned and looted"."""
SAYING = word_set(
    "said says thought thinks believed believes knew knows claimed claims felt feels hoped hopes feared fears wished "
    "wishes heard hears learned learnt learns told tells swore swears insisted insists dreamed dreamt supposed "
    "imagined found finds saw sees realised realized decided pretended explained confessed discovered discovers "
    "remembered"
)
"""Verbs that may be followed by a clause without "that": "said the king lied"."""
ADVERBS = word_set(
    "then later soon also even thereafter afterwards afterward thus instead again eventually still now first at last "
    "thereby therefore twice here"
)


def form_of(word: str) -> Form:
    """Return which verb form a lower-case word is; empty where the lists do not contain it."""
    if word in _AUXILIARIES or word in _PAST_ONLY or word in _PRESENT_ONLY:
        return "finite"
    return "open" if word in _PAST_AND_PARTICIPLE or _PAST.match(word) else ""


def is_past(word: str) -> bool:
    """Return True if a lower-case word is a past form that needs no auxiliary: "took", "joined", "sent"."""
    return word in _PAST_ONLY or word in _PAST_AND_PARTICIPLE or bool(_PAST.match(word))


def is_participle(word: str) -> bool:
    """Return True if a lower-case word can be a past participle: "taken", "joined", "sent"."""
    return word in _PARTICIPLES or word in _PAST_AND_PARTICIPLE or bool(_PAST.match(word))


def is_adverb(word: str) -> bool:
    """Return True if a lower-case word is an adverb that may come between a subject and its verb."""
    return word in ADVERBS or (len(word) > 4 and word.endswith("ly") and word not in {"family", "reply", "supply"})


def has_verb(words: Sequence[str]) -> bool:
    """Return True if lower-case words look like a clause: they have a verb form, or more than a subject pronoun."""
    after_pronoun = len(words) > 1 and words[0] in {"he", "she", "they", "it"}
    return after_pronoun or any(form_of(word) for word in words)
