"""Everyday documents that are made up, with questions: invoices, data sheets, tables, minutes, notices, and so on.

Templates and word lists are data (`kinds/`, `words.yaml`). A document draws a kind, a layout, which of the kind's items
it has, their wordings, and every value; questions follow from what was drawn, so their answers are known to be right."""

from gmsa_documents.generate import Document, generate
from gmsa_documents.wording import Question

__all__ = ["Document", "Question", "generate"]
