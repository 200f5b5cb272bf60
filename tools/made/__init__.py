"""What is made of the records: stubs, simple modules, lists of names, the API page."""
