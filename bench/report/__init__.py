"""One page that says all of some results, for whoever has no tierbench: a file that needs nothing else.

`results` reads a folder of results and says what stands on the page, in `parts`; `diagram` draws routes; `inline`
makes pictures part of the page; `page` puts it all into HTML, whose templates lie beside it. Nothing of a folder gets
onto the page but as text, escaped, or as numbers that are drawn anew: a folder may come from anybody.
"""
