"""The bookshop: real books that anybody may print, described in our own words, and readers who are made up.

The texts lie in ``shelves/`` as JSON lines. The readers come from a stated process, see
`tastemaker.data.bookshop.readers`. They are for showing and testing what words do, never for ranking methods.
"""

from tastemaker.data.bookshop.books import Author, Book, read_authors, read_books
from tastemaker.data.bookshop.readers import Process, Reader, Shop, make_shop

__all__ = ["Author", "Book", "Process", "Reader", "Shop", "make_shop", "read_authors", "read_books"]
