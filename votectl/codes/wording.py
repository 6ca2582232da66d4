"""The fixed texts of cards in the languages of the pages, and their paper sizes."""

from enum import StrEnum
from typing import NamedTuple


class Language(StrEnum):
    """A language of the pages and cards."""

    EN = "en"
    DE = "de"
    ES = "es"
    FR = "fr"
    AR = "ar"


class Paper(StrEnum):
    """The paper size of cards."""

    A4 = "a4"
    LETTER = "letter"


class Wording(NamedTuple):
    """The fixed texts of a card.

    Attributes:
        scan: the instruction.
        secret: the warning not to share the card.
        number: the word before the card's number.
        right_to_left: the direction of the language.
    """

    scan: str
    secret: str
    number: str
    right_to_left: bool = False


WORDINGS = {
    Language.EN: Wording(
        "Scan this code with your phone to vote.",
        "One card is one vote. You can change it until voting ends. Anyone who has this code can vote with it: "
        "do not share it.",
        "No.",
    ),
    Language.DE: Wording(
        "Zum Abstimmen diesen Code mit dem Handy scannen.",
        "Eine Karte ist eine Stimme. Sie lässt sich ändern, bis die Abstimmung endet. Mit diesem Code kann jeder "
        "abstimmen, der ihn hat: nicht weitergeben.",
        "Nr.",
    ),
    Language.ES: Wording(
        "Escanee este código con su teléfono para votar.",
        "Una tarjeta es un voto. Puede cambiarlo hasta que termine la votación. Cualquiera que tenga este código puede "
        "votar con él: no lo comparta.",
        "N.º",
    ),
    Language.FR: Wording(
        "Scannez ce code avec votre téléphone pour voter.",
        "Une carte vaut une voix. Vous pouvez changer votre vote jusqu'à la fin du scrutin. Toute personne qui a ce "
        "code peut voter : ne le partagez pas.",
        "N°",
    ),
    Language.AR: Wording(
        "امسح هذا الرمز بهاتفك للتصويت.",
        "كل بطاقة صوت واحد. يمكنك تغييره حتى انتهاء التصويت. أي شخص لديه هذا الرمز يمكنه التصويت به: لا تشاركه.",
        "رقم",
        right_to_left=True,
    ),
}
