"""Texts of the kinds that break offset arithmetic, in documents of several pages."""

from hypothesis import strategies as st

from compliance_assets.chunks.chunker import DocumentText

AWKWARD = (
    "word ",
    "A sentence of several words, and its end. ",
    "Ends here!) ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\f",
    "\x0b",
    "\x1c",
    "\x85",
    "\u00a0",
    "\u2028",
    "\u3000",
    "\u200b",  # zero width: no white space, and no token either
    "\ufeff",
    "\u00ad",
    "e\u0301",  # a letter and its combining mark
    "\u0301",
    "a\u0323\u0302 ",
    "ﬁ",  # ligatures
    "ﬃcient ",
    "\U0001f600",  # beyond the basic plane
    "\U0001d518\U0001d52b ",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\ufffd",
    "。",
    "日本語。",
    "각",  # one letter, three tokens
    "क्षि। ",
    "ação Ç ",
    "İ",  # its lower case is two letters
    "ß",
    "a" * 130,
    "$1,234.56 ",
    "...",
    "1.2.3 ",
    "# Heading\n",
    "Note 5 Leases\n",
    "Item 1A. Risk factors\n",
    "PART II\n",
    "Art. 7\n",
    "BENS E DIREITOS\n",
    "CONTRIBUIÇÃO PATRONAL\n",
)

fragments = st.one_of(
    st.sampled_from(AWKWARD),
    st.builds(lambda piece, times: piece * times, st.sampled_from(AWKWARD), st.integers(2, 60)),
    st.text(max_size=12),
)
pages = st.lists(fragments, max_size=12).map("".join)


def document_of(page_texts: list[str], year: int = 2021) -> DocumentText:
    """A document of these pages."""
    ends, position = [], 0
    for page in page_texts:
        position += len(page)
        ends.append(position)
    return DocumentText("doc_1", year, "Northwind", "".join(page_texts), tuple(ends))


documents = st.builds(document_of, st.lists(pages, max_size=4), st.sampled_from([2018, 2021]))
