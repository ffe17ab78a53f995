"""The command line: one file a command. A command parses, calls one service function, prints."""
