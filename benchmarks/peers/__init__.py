"""The same recurrent work by everystep and by other libraries, side by side: see __main__.py."""
