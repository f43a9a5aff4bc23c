"""The same name and address as another clerk would have typed them."""

from __future__ import annotations

import random
import unicodedata

from invoicelake.sources.generated.wording import between, chance, pick

# A legal form and what else it is written as; the empty one is left out.
_LEGAL_FORMS = {
    "Ltd": ("Limited", "Ltd.", "LTD", ""), "Limited": ("Ltd", "Ltd.", ""), "PLC": ("plc", "P.L.C.", ""),
    "LLP": ("L.L.P.", ""), "GmbH": ("G.m.b.H.", "Gmbh", ""), "KG": ("K.G.", ""), "OHG": ("oHG", ""),
    "e.K.": ("eK", ""), "AG": ("A.G.", ""), "Genossenschaft": ("Gen.",), "SARL": ("S.A.R.L.", ""),
    "SAS": ("S.A.S.", ""), "EURL": ("E.U.R.L.", ""), "S.A.": ("SA", ""), "S.L.": ("SL", ""),
    "S.L.U.": ("SLU", ""), "S.C.": ("SC", ""), "S.r.l.": ("SRL", ""), "S.p.A.": ("SPA", ""),
    "S.n.c.": ("SNC", ""), "S.a.s.": ("SAS", ""), "B.V.": ("BV", ""), "V.O.F.": ("VOF", ""),
    "N.V.": ("NV", ""),
    "Inc.": ("Inc", "Incorporated", ""), "LLC": ("L.L.C.", ""), "Corp.": ("Corporation", "Corp", ""),
    "Co.": ("Co", "Company", ""), "Sdn Bhd": ("Sdn. Bhd.", "SDN BHD", ""), "Berhad": ("Bhd", "Bhd."),
    "Sdn. Bhd.": ("Sdn Bhd", "S/B", ""), "Tbk": ("Tbk.", ""), "Enterprise": ("Ent.", "Ent"),
}  # fmt: skip
_JOINTS = {"&": ("and", "+"), "und": ("&",), "y": ("&",), "et": ("&",), "e": ("&",)}
_STREETS = {"Street": "St", "Road": "Rd", "Avenue": "Ave", "Lane": "Ln", "straße": "str.", "Straße": "Str."}


def respelt_name(draw: random.Random, name: str) -> str:
    """The name with one to three of: another legal form, a slip, no accents, capitals, another word order."""
    changes = draw.sample(_NAME_CHANGES, between(draw, 1, 3))
    for change in changes:
        name = change(draw, name)
    return " ".join(name.split())


def respelt_address(draw: random.Random, lines: tuple[str, ...]) -> str:
    """The address on one line in another form; now and then a part is missing."""
    parts = [part.strip(" ,") for part in ", ".join(lines).split(",") if part.strip(" ,")]
    if len(parts) > 2 and chance(draw, 0.3):
        del parts[between(draw, 1, len(parts) - 2)]
    text = pick(draw, (", ", " ", "; ")).join(parts)
    for word, short in _STREETS.items():
        text = text.replace(word, short) if chance(draw, 0.6) else text
    text = _without_accents(draw, text) if chance(draw, 0.4) else text
    return text.upper() if chance(draw, 0.3) else text


def _other_legal_form(draw: random.Random, name: str) -> str:
    for form, others in sorted(_LEGAL_FORMS.items(), key=lambda each: -len(each[0])):
        for written in (form, form.upper()):
            if name.endswith(f" {written}"):
                return f"{name[: -len(written)]}{pick(draw, others)}".strip()
    return name


def _other_joint(draw: random.Random, name: str) -> str:
    return " ".join(pick(draw, _JOINTS[word]) if word in _JOINTS else word for word in name.split())


def _slip(draw: random.Random, name: str) -> str:
    """A letter left out, doubled, or exchanged with its neighbour; never the first."""
    if len(name) < 6:
        return name
    at = between(draw, 1, len(name) - 3)
    left_out, doubled = name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:]
    exchanged = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return pick(draw, (left_out, doubled, exchanged))


def _without_accents(draw: random.Random, text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(each for each in decomposed if not unicodedata.combining(each))


def _in_capitals(draw: random.Random, name: str) -> str:
    return name.upper()


def _last_word_first(draw: random.Random, name: str) -> str:
    words = name.split()
    return f"{words[1]}, {words[0]}" if len(words) == 2 else " ".join([*words[1:-1], words[0], words[-1]])


def _shortened(draw: random.Random, name: str) -> str:
    """The longest word cut off, as in `Gebäudereinigung` -> `Gebäuder.`."""
    words = name.split()
    longest = max(range(len(words)), key=lambda place: (len(words[place]), -place))
    if len(words[longest]) > 8 and longest:
        words[longest] = f"{words[longest][:7]}."
    return " ".join(words)


_NAME_CHANGES = (
    _other_legal_form,
    _other_legal_form,
    _other_joint,
    _slip,
    _without_accents,
    _in_capitals,
    _last_word_first,
    _shortened,
)
