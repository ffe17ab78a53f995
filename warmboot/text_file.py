"""Text files as people have them: UTF-8, perhaps with the mark that some editors put before it."""

import codecs

_OTHERS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, with whose mark it begins
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def decoded(content: bytes) -> str:
    """The text of a file; a byte order mark of UTF-8 is no part of it.

    Raises:
        ValueError: it is not UTF-8; the message says what it is and ends with the way out.

    >>> decoded(b"\\xef\\xbb\\xbfname")
    'name'
    >>> decoded("name".encode("utf-16"))
    Traceback (most recent call last):
    ValueError: is UTF-16 text; save it as UTF-8
    """
    for mark, encoding in _OTHERS.items():
        if content.startswith(mark):
            raise ValueError(f"is {encoding} text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # From where the codec begins to count, after a mark.
        at = error.start + len(content) - len(error.object)
        raise ValueError(f"is not UTF-8 text (byte {content[at]:#04x} at {at}); save it as UTF-8") from None
