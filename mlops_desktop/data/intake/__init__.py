"""From a source or a program to a version, with every attempt on the record."""
