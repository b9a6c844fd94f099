"""Search a catalogue in your own words, and recommend to somebody of whom only a sentence is known.

    pip install tastemaker && python search_and_ask.py "quiet novels about the sea"

The first run fetches the encoder all-MiniLM-L6-v2 (91 MB); `--encoder tfidf-svd` needs nothing.
"""

from __future__ import annotations

import argparse

import tastemaker as tm
from tastemaker.retrieval import TextSearch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default="quiet novels about the sea")
    parser.add_argument("--encoder", default="minilm")
    asked = parser.parse_args()

    books = tm.load_dataset("bookshop")
    print(f"Search: {asked.question}")
    for hit in TextSearch.over_catalogue(books.catalogue, asked.encoder).search(asked.question, k=5).hits:
        print(f"  {hit.rank}. {books.catalogue.title_and_year(hit.item_id)}")

    model = tm.EmbeddingKNN(encoder=asked.encoder, whiten=False, age_decay="1/a", interests=1).fit(books)
    print("The same as a recommendation, to somebody who disliked Moby-Dick:")
    disliked = books.catalogue.find("Moby-Dick; or, The Whale")
    for book in model.recommend(tm.Query(text=asked.question, disliked=(disliked,), k=5)):
        print(f"  {book.rank}. {books.catalogue.title_and_year(book.item_id)}")


if __name__ == "__main__":
    main()
