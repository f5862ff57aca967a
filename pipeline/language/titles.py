"""Titles before a name and particles inside it; all folded, without full stops."""

from __future__ import annotations

from typing import Literal

from pipeline.language.word_lists import word_set

TitleClass = Literal["man", "woman", "wife", "maiden", ""]


MEN = word_set(
    """m mm mr messrs monsieur messieurs sir lord count comte viscount vicomte baron duke marquis earl prince king
    emperor abbe father brother uncle grandfather monk friar signor senor don dom herr squire esquire master"""
)
WIVES = word_set(
    """mme mmes mrs madame mesdames dame lady countess comtesse viscountess vicomtesse baroness baronne duchess marquise
    marchioness queen empress signora senora dona frau mother aunt grandmother mistress"""
)
MAIDENS = word_set("mlle mlles miss misses mademoiselle mesdemoiselles signorina senorita fraulein")
WOMEN = word_set("ms princess sister")
EITHER = word_set(
    """dr doctor prof professor captain capt major maj colonel col general gen lieutenant lieut lt sergeant sergt sgt
    corporal corp commander commodore admiral private ensign quartermaster inspector judge justice president senator
    governor mayor rev reverend bishop archbishop cardinal pope chevalier dean deacon cousin citizen comrade"""
)
TITLES = MEN | WIVES | MAIDENS | WOMEN | EITHER

ABBREVIATIONS = word_set(
    """m mm mr messrs mssrs mme mmes mrs mlle mlles ms dr prof capt maj col gen lieut lt sergt sgt corp cmdr adm gov sen
    rep pres rev revd hon fr bp mons mgr sr sra srta sig st ste"""
)
"""Titles and saints that a full stop may follow inside a name."""

POLITE = word_set(
    "m mm mr messrs monsieur messieurs sir mme mrs madame mlle miss mademoiselle ms signor signora senor senora"
)
"""Titles that any member of a family may have; the others distinguish its members."""

SAINTS = word_set("st ste saint sainte")
"""Words that begin a name and are never a name by themselves."""

BEFORE_NAMES = TITLES | SAINTS | word_set("the old young")
"""Words before a name that do not identify the person."""

PARTICLES = word_set("de du des d della del di da dos von van der den ten ter zu la le l el al ibn bin of the y")


def title_class(title: str) -> TitleClass:
    """Return who bears a folded title: a man, a wife, an unmarried woman, any woman, or ``""`` for any person."""
    classes: tuple[tuple[TitleClass, frozenset[str]], ...] = (
        ("man", MEN),
        ("wife", WIVES),
        ("maiden", MAIDENS),
        ("woman", WOMEN),
    )
    return next((name for name, titles in classes if title in titles), "")


def classes_clash(first: TitleClass, second: TitleClass) -> bool:
    """Return True if two title classes cannot belong to one person."""
    if not first or not second or first == second:
        return False
    return "woman" not in {first, second} or "man" in {first, second}
