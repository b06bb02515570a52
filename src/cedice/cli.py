"""The command `cedice`: what a user does beside the pipeline's stages."""

import argparse
import sys
from pathlib import Path

from cedice.errors import CediceError
from cedice.verify import verify


def main() -> None:
    """Parse the command line, do it; status 1 and one line on standard error for anything the user can mend."""
    parser = argparse.ArgumentParser(prog="cedice", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checking = commands.add_parser(
        "verify",
        help="does what is reported follow from what is here?",
        description="Recompute, as far as weights, counts and histories are here, what the reports say; nothing is changed.",
        epilog="example: cedice verify",
    )
    checking.set_defaults(do=lambda _: _verify())
    given = parser.parse_args()
    try:
        given.do(given)
    except CediceError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; nothing was changed")


def _verify() -> None:
    broken = verify(Path.cwd(), lambda line: print(f"holds: {line}", flush=True))
    for line in broken:
        print(f"BROKEN: {line}", flush=True)
    if broken:
        raise CediceError(f"{len(broken)} of the reported results do not follow from what is here")
    print("all that is reported follows from what is here")


if __name__ == "__main__":
    main()
