"""How far scores agree with what people said of answers: a table, the scores of a row, the agreement, the report."""
