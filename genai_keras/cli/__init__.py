"""The options of the commands: one dataclass per command; its fields hold the text of `--help`.

A preset is a set of other defaults. `parsing.py` makes the parser.
"""
