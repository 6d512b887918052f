"""placeholder"""

from strongroom.assess.scanner.place import Place, Scanned


def recognise(text: str, name: str, place: Place) -> Scanned | None:
    return None
