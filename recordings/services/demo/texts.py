"""What people of a made-up firm say, in three languages. Pure: a number gives the same conversation
every time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

PEOPLE = (
    "Ada Osei",
    "Alice Moreau",
    "Anna Lindqvist",
    "Bartosz Zieliński",
    "Björn Åkesson",
    "Carlos Núñez",
    "Chloé Lefèvre",
    "Dmitri Volkov",
    "Elif Yıldız",
    "Eoin O'Brien",
    "Grace Chen",
    "Jürgen Weiß",
    "Katarína Nováková",
    "Lars Sørensen",
    "Maria Rossi",
    "Nguyễn Thị Lan",
    "Omar Haddad",
    "Priya Raman",
    "Robert Fox",
    "Sofía Álvarez",
    "Tomasz Wójcik",
    "Yuki Tanaka",
    "Zoë van Dijk",
    "Ολυμπία Παππά",
)
PROJECTS = ("Aurora", "Borealis", "Copper", "Delta", "Ember", "Fjord", "Granite", "Harbour")
# name: colour
TAGS = {
    "board": "#B91C1C",
    "budget": "#B45309",
    "customer": "#047857",
    "design": "#7C3AED",
    "hiring": "#BE185D",
    "retrospective": "#0E7490",
    "urgent": "#DC2626",
    "weekly": "#3B82F6",
}
FOLDERS = {
    "Customers": "#10B981",
    "Engineering": "#3B82F6",
    "Finance": "#F59E0B",
    "Management": "#8B5CF6",
    "People": "#EC4899",
}
TITLES = {
    "en": (
        "Weekly meeting: {project}",
        "{project}: planning for week {count}",
        "Interview with {person}",
        "Board meeting, budget of {amount}",
        "{project} retrospective",
        "One to one with {person}",
        "Customer call about {project}",
        "Design review no. {count}: {project}",
    ),
    "de": (
        "Wöchentliche Besprechung: {project}",
        "Gespräch mit {person}",
        "Planung für {project}, Woche {count}",
        "Rückblick auf {project}",
        "Haushalt und Größen: {amount}",
    ),
    "fr": (
        "Réunion hebdomadaire : {project}",
        "Entretien avec {person}",
        "Revue budgétaire, {amount}",
        "Atelier {project} no {count}",
    ),
}
SENTENCES = {
    "en": (
        "Good morning everybody, shall we begin?",
        "The first thing on the list is {project}.",
        "I talked to {person} yesterday, and she agrees with the plan.",
        "We have spent {amount} so far, which is less than I expected.",
        "Could you say a little more about that?",
        "There are still {count} open questions from the customer.",
        "I would rather wait until {day} before we promise anything.",
        "That is a fair point; let us write it down.",
        "{person} will send the figures by {day}.",
        "What happens to {project} if the supplier is late again?",
        "Honestly, I think the second proposal is much better than the first one.",
        "We tried that {count} weeks ago, and it did not work.",
        "Then the budget goes up by {amount}, and somebody has to sign it.",
        "Let me share my screen, so that you can see what I mean.",
        "The tests passed on {day}, but nobody has looked at the report yet.",
        "Who is going to tell the people in {project}?",
        "I can do it, if {person} helps me with the slides.",
        "So we are all agreed?",
        "Yes.",
        "No, not yet: I need {count} more days.",
        "Before we finish, is there anything else that worries you about {project}?",
        "Thank you all, see you again on {day}.",
    ),
    "de": (
        "Guten Morgen zusammen, wollen wir anfangen?",
        "Zuerst müssen wir über {project} sprechen.",
        "Ich habe gestern mit {person} gesprochen, der Plan gefällt allen.",
        "Bis jetzt haben wir {amount} ausgegeben, weniger als gedacht.",
        "Es gibt noch {count} offene Fragen vom Kunden.",
        "Ich würde lieber bis {day} warten, bevor wir etwas zusagen.",
        "Das stimmt, schreiben wir es auf.",
        "{person} schickt die Zahlen bis {day}.",
        "Was wird aus {project}, wenn die Lieferung wieder zu spät kommt?",
        "Das größte Risiko ist der Zeitplan, nicht das Geld.",
        "Genau.",
        "Nein, ich brauche noch {count} Tage.",
        "Vielen Dank, bis {day}.",
    ),
    "fr": (
        "Bonjour à tous, on commence ?",
        "Le premier point concerne {project}.",
        "J'ai parlé avec {person} hier, le projet avance bien.",
        "Nous avons dépensé {amount} jusqu'à présent.",
        "Il reste {count} questions ouvertes du côté du client.",
        "Je préfère attendre jusqu'au {day} avant de promettre quoi que ce soit.",
        "C'est noté.",
        "{person} enverra les chiffres d'ici {day}.",
        "Que devient {project} si le fournisseur est encore en retard ?",
        "Tout à fait d'accord.",
        "Non, il me faut encore {count} jours.",
        "Merci à tous et à bientôt.",
    ),
}
DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi"),
}
LANGUAGES, SHARES = ("en", "de", "fr"), (75, 15, 10)
VARIANTS = 16
CHARACTERS_A_SECOND = 15
PAUSE_SECONDS = 0.4
SAME_VOICE_GOES_ON = 0.45
UNNAMED_VOICE = 0.25


@dataclass(frozen=True, slots=True)
class Conversation:
    """`voices`: label -> who speaks, None for a voice that nobody named. `segments`: as Transcript
    keeps them. `talk_seconds`: by label.
    """

    title: str
    language: str
    voices: dict[str, str | None]
    segments: list[dict[str, Any]]
    talk_seconds: dict[str, float]
    seconds: float


def conversation(chance: random.Random, *, text_bytes: int) -> Conversation:
    """As many sentences as it takes to `text_bytes` bytes of text (UTF-8), one at least."""
    language = chance.choices(LANGUAGES, SHARES)[0]
    people = chance.sample(PEOPLE, chance.choice((2, 2, 3, 3, 4, 5)))
    voices: dict[str, str | None] = {
        f"SPEAKER_{index:02d}": person for index, person in enumerate(people)
    }
    labels = list(voices)
    if chance.random() < UNNAMED_VOICE:
        voices[chance.choice(labels)] = None
    talk_seconds = dict.fromkeys(labels, 0.0)
    segments: list[dict[str, Any]] = []
    known, label, now = _sentences(language), labels[0], 0.0
    while text_bytes > 0 or not segments:
        text, size, seconds = chance.choice(known)
        end = round(now + seconds, 2)
        segments.append({"speaker": label, "start": now, "end": end, "text": text})
        talk_seconds[label] += seconds
        text_bytes -= size
        now = round(end + PAUSE_SECONDS, 2)
        if chance.random() > SAME_VOICE_GOES_ON:
            label = chance.choice(labels)
    title = _filled(chance, chance.choice(TITLES[language]), language)
    return Conversation(title, language, voices, segments, talk_seconds, now)


@cache
def _sentences(language: str) -> list[tuple[str, int, float]]:
    """(text, bytes, seconds)"""
    chance = random.Random(language)
    texts = [
        _filled(chance, template, language)
        for template in SENTENCES[language]
        for _ in range(VARIANTS)
    ]
    return [
        (text, len(text.encode()), round(0.5 + len(text) / CHARACTERS_A_SECOND, 2))
        for text in texts
    ]


def _filled(chance: random.Random, template: str, language: str) -> str:
    return template.format(
        project=chance.choice(PROJECTS),
        person=chance.choice(PEOPLE),
        day=chance.choice(DAYS[language]),
        amount=f"{chance.randint(2, 90) * 500} €",
        count=chance.randint(2, 52),
    )
