"""`python -m search` is the console command `warmboot`, in a checkout."""

from search.entry import main

if __name__ == "__main__":
    main()
