"""A small shop of films, with numbers, people, certificates and a flag, and titles that are usual words."""

from __future__ import annotations

from typing import Any, Final

from tastemaker.pipeline.shelf import Shelf

_FILMS: Final = """
inception|Inception|2010|148|Science Fiction,Thriller|Christopher Nolan|Leonardo DiCaprio|PG-13|8.8|English|Netflix|yes
heat95|Heat (1995)|1995|170|Crime,Drama,Thriller|Michael Mann|Al Pacino|R|8.3|English|Prime Video|no
heat86|Heat (1986)|1986|101|Action|Dick Richards|Burt Reynolds|R|5.5|English|Hulu|yes
it|It|2017|135|Horror|Andy Muschietti|Bill Skarsgård|R|7.3|English|Netflix|no
up|Up|2009|96|Animation,Adventure,Comedy|Pete Docter|Ed Asner|PG|8.3|English|Disney Plus|yes
big|Big|1988|104|Comedy,Fantasy|Penny Marshall|Tom Hanks|PG|7.3|English|Hulu|no
amelie|Amélie|2001|122|Comedy,Romance|Jean-Pierre Jeunet|Audrey Tautou|R|8.3|French|Mubi|yes
matrix|Matrix; The|1999|136|Action,Science Fiction|Lana Wachowski|Keanu Reeves|R|8.7|English|Netflix|no
alien|Alien|1979|117|Horror,Science Fiction|Ridley Scott|Sigourney Weaver|R|8.5|English|Disney Plus|yes
toystory|Toy Story|1995|81|Animation,Family,Comedy|John Lasseter|Tom Hanks|G|8.3|English|Disney Plus|no
gonegirl|Gone Girl|2014|149|Thriller,Drama|David Fincher|Ben Affleck|R|8.1|English|Hulu|yes
unforgiven|Unforgiven|1992|130|Western,Drama|Clint Eastwood|Clint Eastwood|R|8.2|English|Prime Video|no
lost|Lost in Translation|2003|102|Comedy,Drama,Romance|Sofia Coppola|Bill Murray|R|7.7|English|Mubi|yes
spirited|Spirited Away|2001|125|Animation,Fantasy,Family|Hayao Miyazaki|Rumi Hiiragi|PG|8.6|Japanese|Netflix|no
ugly|The Good; the Bad and the Ugly|1966|161|Western|Sergio Leone|Clint Eastwood|R|8.8|Italian|Prime Video|yes
psycho|Psycho|1960|109|Horror,Mystery|Alfred Hitchcock|Anthony Perkins|R|8.5|English|Prime Video|no
singin|Singin' in the Rain|1952|103|Musical,Comedy,Romance|Stanley Donen|Gene Kelly|G|8.3|English|Prime Video|yes
planet|Our Blue Planet|2018|90|Documentary|Alastair Fothergill|David Attenborough|G|7.9|English|Netflix|no
ryan|Saving Private Ryan|1998|169|Drama,War|Steven Spielberg|Tom Hanks|R|8.6|English|Prime Video|yes
et|E.T. the Extra-Terrestrial|1982|115|Family,Science Fiction|Steven Spielberg|Henry Thomas|PG|7.9|English|Hulu|no
"""
"""Id, title, year, minutes, genres, director, cast, certificate, rating, language, services, subtitles; a semicolon
stands for a comma in a title."""


def film_shop() -> Shelf:
    """Return the shelf of twenty films."""
    shelf = Shelf()
    shelf.put(dict(_film(line) for line in _FILMS.strip().splitlines()))
    return shelf


def _film(line: str) -> tuple[str, dict[str, Any]]:
    item, title, year, runtime, genres, director, cast, certificate, rating, language, services, subtitles = line.split(
        "|"
    )
    return item, {
        "title": title.replace(";", ","),
        "year": int(year),
        "runtime": int(runtime),
        "genres": genres.split(","),
        "director": director,
        "cast": cast.split(","),
        "content_rating": certificate,
        "rating": float(rating),
        "language": language,
        "services": services.split(","),
        "subtitles": subtitles == "yes",
    }
