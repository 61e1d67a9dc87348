"""Translators on published data: one configuration file each, and what they reach beside what was published."""
