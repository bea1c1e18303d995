"""SecantusDB, MongoDB's stand-in, with ICU's comparison of texts in place of its own.

A collation is what the stand-in approximates: its sort knows no language, and its ranges compare bytes. MongoDB uses ICU
for all of it. This starts the stand-in with the ICU of this machine (libicu, from Debian's packages) instead, so that the
walk along the index of the names can be run without a `mongod`:

    python secantus_icu.py --port 27117 --storage-path /tmp/secantus   # in an environment that has SecantusDB

It needs no more of ICU than three functions of its C interface.
"""

import ctypes
import ctypes.util
import dataclasses
import functools

from secantus import collation

LIBRARY = ctypes.CDLL(ctypes.util.find_library("icui18n"))
VERSION = next(number for number in range(50, 100) if hasattr(LIBRARY, f"ucol_open_{number}"))
UCOL_NORMALIZATION_MODE, UCOL_STRENGTH, UCOL_ON = 4, 5, 17


def function(name, result, *arguments):
    found = getattr(LIBRARY, f"{name}_{VERSION}")
    found.restype, found.argtypes = result, arguments
    return found


STATUS = ctypes.POINTER(ctypes.c_int)
ucol_open = function("ucol_open", ctypes.c_void_p, ctypes.c_char_p, STATUS)
ucol_set = function("ucol_setAttribute", None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, STATUS)
ucol_key = function(
    "ucol_getSortKey", ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32
)


@dataclasses.dataclass(frozen=True)
class Collation(collation.Collation):
    locale: str = "en"


@functools.cache
def collator(locale, strength):
    status = ctypes.c_int(0)
    made = ucol_open(locale.encode(), ctypes.byref(status))
    ucol_set(made, UCOL_STRENGTH, strength - 1, ctypes.byref(status))
    ucol_set(made, UCOL_NORMALIZATION_MODE, UCOL_ON, ctypes.byref(status))
    assert status.value <= 0, f"ICU says {status.value}"
    return made


@functools.lru_cache(65536)
def key(text, wanted):
    units = text.encode("utf-16-le")
    room = 64 * len(units) + 64
    buffer = ctypes.create_string_buffer(room)
    length = len(units) // 2
    size = ucol_key(collator(wanted.locale, wanted.strength), units, length, buffer, room)
    assert 0 < size <= room, size
    return buffer.raw[: size - 1]


own_parse = collation.parse


def parse(spec):
    parsed = own_parse(spec)
    if parsed is None or spec.get("locale") == "simple":
        return parsed
    return Collation(**dataclasses.asdict(parsed), locale=spec["locale"])


collation.parse = parse
collation._normalize_string = key
collation.sort_levels = key
collation.normalize_for_index_bytes = key

if __name__ == "__main__":
    from secantus.cli import main

    raise SystemExit(main())
