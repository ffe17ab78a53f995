"""`python -m warmboot` is the console command `warmboot`."""

from warmboot.command import main

if __name__ == "__main__":
    main()
