"""Fit ``pipeline/claims/fact_types.json`` on the train novels of the plain claims, and measure on the dev novels.

Prints accuracy and macro-F1 of the majority, of keyword rules, of the fitted words and of what is shipped. It needs no
weights and no novel; the result is in ``runs/fact_types.md``::

    python runs/fact_types.py            # measures what is shipped
    python runs/fact_types.py --fit      # fits, writes the weights, and measures
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report, f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline.claims.fact_types import fact_type, fact_type_by_words, features_of, settle

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "pipeline" / "claims" / "fact_types.json"
MERGED = {
    "death_or_life": "event",
    "injury_or_illness": "event",
    "speech_or_promise": "event",
    "origin": "place",
    "relationship": "kinship",
    "skill_or_education": "ability",
    "habit_or_taste": "belief_or_trait",
}
"""The types of the data that are one with another of ours."""
FEWEST, SCALE = 10, 100
STRENGTHS = (1.0, 3.0, 10.0)
RULES = {
    "age_or_date": (
        r"years old|aged?|birthday|born (?:in|on)|in 1\d{3}|(?:at|was) (?:\w+teen|\w+ty)|january|"
        r"february|march|april|june|july|august|september|october|november|december|monday|tuesday|"
        r"wednesday|thursday|friday|saturday|sunday"
    ),
    "kinship": (
        r"father|mother|brother|sister|son|daughter|uncle|aunt|cousin|nephew|niece|grand\w+|husband|wife|"
        r"married|engaged|betrothed|friend|widow\w*|orphan|lover|fianc\w+|ward|guardian|step\w+|in-law"
    ),
    "appearance": (
        r"hair|eyes?|beard|face|complexion|tall|short|stout|thin|handsome|wore|dressed|looked|scar|"
        r"moustache|freckle\w*|figure|nose|skin|pale|coat|gown|dress|hat"
    ),
    "occupation": (
        r"worked|employed|job|trade|profession|served as|clerk|doctor|lawyer|captain|sailor|teacher|"
        r"governess|shop|merchant|farmer|soldier|apprentice\w*|editor|post|office|business"
    ),
    "ability": (
        r"could (?:not )?\w+|skilled|able to|spoke|studied|learned|school|university|college|played|"
        r"taught|educated"
    ),
    "possession": (
        r"owned|carried|kept (?:a|his|her)|gave|bought|had an?|possess\w+|inherited|watch|ring|purse|"
        r"horse|pistol|knife|money"
    ),
    "number": (
        r"\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|"
        r"hundred|thousand|dozen|pounds|francs|dollars|times"
    ),
    "motive": (r"because|in order to|so that|wanted|hoped|intended|for fear|to (?:avoid|escape|save|protect)"),
    "belief_or_trait": (
        r"believed|thought|liked|loved|hated|disliked|always|never|used to|habit|fond of|preferred|"
        r"enjoyed|feared|afraid"
    ),
    "place": (
        r"lived|came from|born (?:at|near)|house|village|town|city|street|island|(?:from|in|"
        r"at) (?-i:[A-Z])\w+"
    ),
}
"""What the words are compared with: the words of each kind, in the order in which they are tried."""


def load(split: str) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Return the claims with their characters, their kinds and their novels, true and false twins alike."""
    claims, kinds, novels = [], [], []
    for path in sorted((ROOT / "data" / "plain_claims" / split).glob("*.json")):
        for fact in json.loads(path.read_text(encoding="utf-8"))["facts"]:
            for text in (fact["supported"], fact["contradicted"]):
                claims.append((text, fact["character"]))
                kinds.append(MERGED.get(fact["type"], fact["type"]))
                novels.append(path.stem)
    return claims, kinds, novels


def words(claim: tuple[str, str]) -> list[str]:
    """Return the features of a claim."""
    return list(features_of(*claim))


def make_model(strength: float) -> object:
    """Return tf-idf over the words with a balanced logistic regression."""
    vectors = TfidfVectorizer(analyzer=words, min_df=FEWEST, binary=True)
    return make_pipeline(vectors, LogisticRegression(C=strength, max_iter=500, class_weight="balanced"))


def fit() -> None:
    """Choose the strength on train novels in five folds by novel, fit on all of them, and write the weights."""
    claims, kinds, novels = load("train")
    folds = GroupKFold(5)
    scores = {
        strength: f1_score(
            kinds, cross_val_predict(make_model(strength), claims, kinds, groups=novels, cv=folds), average="macro"
        )
        for strength in STRENGTHS
    }
    best = max(scores, key=lambda strength: scores[strength])
    print(
        "cross-validated macro-F1 by C:",
        {strength: round(score, 3) for strength, score in scores.items()},
        "chosen",
        best,
    )
    vectors, model = make_model(best).fit(claims, kinds).named_steps.values()
    own = {
        name: [round(float(idf) * SCALE), *(int(weight) for weight in np.rint(model.coef_[:, place] * SCALE))]
        for name, place, idf in sorted(
            (name, place, vectors.idf_[place]) for name, place in vectors.vocabulary_.items()
        )
    }
    head = {
        "kinds": model.classes_.tolist(),
        "intercepts": [round(float(value), 3) for value in model.intercept_],
        "scale": SCALE,
    }
    lines = ",\n".join(
        f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(row, separators=(',', ':'))}" for name, row in own.items()
    )
    WEIGHTS.write_text(json.dumps(head)[:-1] + ',\n"words": {\n' + lines + "\n}}\n", encoding="utf-8", newline="\n")
    print(len(own), "words and pairs,", WEIGHTS.stat().st_size, "bytes")


def by_rules(text: str) -> str:
    """Return the kind of the first rule that a claim fits, else an event."""
    found = (kind for kind, words in RULES.items() if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE))
    return next(found, "event")


def measure() -> None:
    """Print accuracy and macro-F1 on the dev novels."""
    claims, kinds, _ = load("dev")
    gold = [settle(kind, text) for kind, (text, _) in zip(kinds, claims, strict=True)]
    train = [settle(kind, text) for (text, _), kind in zip(*load("train")[:2], strict=True)]
    majority = Counter(train).most_common(1)[0][0]
    systems = {
        "majority": [majority] * len(gold),
        "keyword rules": [by_rules(text) for text, _ in claims],
        "words": [fact_type_by_words(*claim) for claim in claims],
        "shipped": [fact_type(*claim) for claim in claims],
    }
    labels = sorted(set(gold))
    for name, found in systems.items():
        f1 = f1_score(gold, found, labels=labels, average="macro", zero_division=0)
        print(f"{name:<14} accuracy {accuracy_score(gold, found):.3f}  macro-F1 {f1:.3f}  of {len(gold)} claims")
    print(classification_report(gold, systems["shipped"], labels=labels, digits=2, zero_division=0))


if __name__ == "__main__":
    if "--fit" in sys.argv:
        fit()
    measure()
