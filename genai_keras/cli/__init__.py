"""What a command can be told: one dataclass a command. Each field's text is its `--help`.

A preset is a set of other defaults. `parsing.py` makes the parser.
"""
