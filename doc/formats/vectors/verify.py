"""Checks the published test vectors without a line of Casebook's own code. Standard library only.

NAME.json        a document in canonical form (RFC 8785), as Casebook wrote it
NAME.sha256      the SHA-256 of those bytes in hexadecimal: the report hash
NAME.input.json  where it exists: the same document as it may be written by hand; its canonical form is NAME.json

usage: verify.py [DIRECTORY]    (this file's own directory where none is named)
       verify.py --self-test    RFC 8785's rules on numbers, strings and order, on cases with known answers
"""

import hashlib
import json
import pathlib
import struct
import sys
from decimal import Decimal

ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def number(value):
    """A double as ECMAScript writes it: the fewest digits that give the same double back."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, digits))
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        fraction = "." + digits[1:] if len(digits) > 1 else ""
        text = f"{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return "-" + text if sign else text


def string(value):
    value.encode("utf-8")  # A lone surrogate has no canonical form: this refuses it.
    return '"' + "".join(ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'


def canonical(value):
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(string(name) + ":" + canonical(member) for name, member in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return string(value)
    return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else number(value)


def parse(text):
    def members(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name stands twice in one object")
        return dict(pairs)

    def finite(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError(f"{text} is beyond a double")
        return value

    def refuse(text):
        raise ValueError(f"{text} is not JSON")

    return json.loads(text, object_pairs_hook=members, parse_int=finite, parse_float=finite, parse_constant=refuse)


def verify(folder):
    """How many vectors stand under `folder`, how many of them agree, and what is wrong with the rest."""
    count, good, problems = 0, 0, []
    for path in sorted(folder.rglob("*.json")):
        count += 1
        try:
            judge(path)
            good += 1
        except (ValueError, OSError) as error:
            problems.append(f"{path}: {error}")
    return count, good, problems


def judge(path):
    if path.name.endswith(".input.json"):
        output = path.with_name(path.name.removesuffix(".input.json") + ".json")
        if canonical(parse(path.read_text("utf-8"))).encode() != output.read_bytes():
            raise ValueError(f"its canonical form differs from {output.name}")
        return
    stored = path.read_bytes()
    if canonical(parse(stored.decode())).encode() != stored:
        raise ValueError("not in canonical form")
    if path.with_suffix(".sha256").read_text().split()[:1] != [hashlib.sha256(stored).hexdigest()]:
        raise ValueError("its .sha256 holds another hash")


# RFC 8785, appendix B: the bits of a double and its text.
NUMBERS = """
0000000000000000 0                        8000000000000000 0
0000000000000001 5e-324                   8000000000000001 -5e-324
7fefffffffffffff 1.7976931348623157e+308  ffefffffffffffff -1.7976931348623157e+308
4340000000000000 9007199254740992         c340000000000000 -9007199254740992
4430000000000000 295147905179352830000    44b52d02c7e14af5 9.999999999999997e+22
44b52d02c7e14af6 1e+23                    44b52d02c7e14af7 1.0000000000000001e+23
444b1ae4d6e2ef4e 999999999999999700000    444b1ae4d6e2ef4f 999999999999999900000
444b1ae4d6e2ef50 1e+21                    3eb0c6f7a0b5ed8c 9.999999999999997e-7
3eb0c6f7a0b5ed8d 0.000001                 41b3de4355555553 333333333.3333332
41b3de4355555554 333333333.33333325       41b3de4355555555 333333333.3333333
41b3de4355555556 333333333.3333334        41b3de4355555557 333333333.33333343
becbf647612f3696 -0.0000033333333333333333  43143ff3c1cb0959 1424953923781206.2
"""

DOCUMENTS = {
    # Names in order of UTF-16 code units: the emoji (a surrogate pair) stands before U+FB33.
    '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}':
        '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
    ' { "b" : [ true , null , { } ] , "a" : "\\u000f\\u000a\\/\\"\\\\A\\u0042\\u007f" , "" : false } ':
        '{"":false,"a":"\\u000f\\n/\\"\\\\AB\u007f","b":[true,null,{}]}',
    "[-0, 1.0, 4.50, 2e-3, 1E30, 0.000000000000000000000000001, 100, 10e1]": "[0,1,4.5,0.002,1e+30,1e-27,100,100]",
}
REFUSED = ['{"a":1,"a":2}', "[NaN]", "[1e999]", '["\\ud83d"]', "[Infinity]"]


def self_test():
    words = NUMBERS.split()
    for bits, text in zip(words[::2], words[1::2], strict=True):
        found = number(struct.unpack(">d", bytes.fromhex(bits))[0])
        assert found == text, f"{bits}: {found}, expected {text}"
    for source, text in DOCUMENTS.items():
        assert canonical(parse(source)) == text, canonical(parse(source))
        assert canonical(parse(text)) == text, text
    for text in REFUSED:
        try:
            accepted = canonical(parse(text))
        except ValueError:
            continue
        raise AssertionError(f"{text} was accepted as {accepted}")
    return len(words) // 2 + len(DOCUMENTS) + len(REFUSED)


def main():
    if sys.argv[1:] == ["--self-test"]:
        print(f"verify.py: {self_test()} cases of RFC 8785 as they should be")
        return 0
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    count, good, problems = verify(folder if folder.is_dir() else folder.parent)
    print("\n".join([*problems, f"test vectors: {good} of {count} agree"]))
    # A check that found nothing to check has not passed.
    return 0 if count and good == count else 1


if __name__ == "__main__":
    sys.exit(main())
