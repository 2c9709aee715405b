"""What the analyst's terms rest on: the statement lines behind a ratio or an abbreviation, and where a line stands. Pure.

A question names a figure that no page states ("quick ratio", "COGS"); the page has the lines that it is made of. The
definitions are those of the textbooks (Penman, Financial Statement Analysis; Assaf Neto, Estrutura e Análise de Balanços).
"""

import re

# Where the lines stand, then the lines as statements word them.
_INCOME, _BALANCE, _CASH = "income statement", "balance sheet", "statement of cash flows"
_RESULT, _POSITION = "demonstração do resultado", "balanço patrimonial"

_TERMS: tuple[tuple[str, str], ...] = (
    (r"quick ratio|acid[- ]test", f"{_BALANCE}: cash, marketable securities, accounts receivable, current liabilities"),
    (r"current ratio|working capital", f"{_BALANCE}: total current assets, total current liabilities"),
    (r"cash ratio", f"{_BALANCE}: cash and cash equivalents, total current liabilities"),
    (r"gross (?:profit )?margins?", f"{_INCOME}: net sales, cost of sales, gross profit"),
    (r"operating (?:profit |income )?margins?", f"{_INCOME}: net sales, operating income"),
    (r"(?:net )?profit margins?|net (?:income )?margins?", f"{_INCOME}: revenue, net income, net earnings"),
    (r"cogs|cost of goods sold", f"{_INCOME}: cost of sales, cost of revenue, cost of goods sold"),
    (r"sg&a", f"{_INCOME}: selling, general and administrative expenses"),
    (r"r&d", f"{_INCOME}: research and development expenses"),
    (r"pp&?n?e", f"{_BALANCE}: property, plant and equipment, net"),
    (r"d&a", f"{_CASH}: depreciation and amortization"),
    (r"ebitda", f"{_INCOME}: operating income; {_CASH}: depreciation and amortization"),
    (r"ebit", f"{_INCOME}: income before interest and income taxes, operating income"),
    (r"eps", f"{_INCOME}: basic and diluted earnings per share"),
    (r"effective tax rate|etr", f"{_INCOME}: provision for income taxes, income before income taxes"),
    (r"cap(?:ital )?ex(?:penditures?)?", f"{_CASH}: purchases of property, plant and equipment"),
    (r"free cash flow|fcf", f"{_CASH}: net cash from operating activities, purchases of property and equipment"),
    (r"days payable(?:s)?(?: outstanding)?|dpo", f"{_BALANCE}: accounts payable; {_INCOME}: cost of sales"),
    (r"days sales(?: outstanding)?|dso", f"{_BALANCE}: accounts receivable; {_INCOME}: net sales"),
    (r"days inventory(?: outstanding)?|dio|inventory turnover", f"{_BALANCE}: inventories; {_INCOME}: cost of sales"),
    (r"asset turnover|fixed asset turnover", f"{_INCOME}: net sales; {_BALANCE}: total assets, property and equipment"),
    (r"return on assets|roa", f"{_INCOME}: net income; {_BALANCE}: total assets"),
    (r"return on equity|roe", f"{_INCOME}: net income; {_BALANCE}: total shareholders' equity"),
    (r"debt[- ]to[- ]equity|leverage ratio", f"{_BALANCE}: total debt, long-term debt, total shareholders' equity"),
    (r"net debt", f"{_BALANCE}: short-term debt, long-term debt, cash and cash equivalents"),
    (r"interest coverage", f"{_INCOME}: operating income, interest expense"),
    (r"(?:dividend )?payout ratio", f"{_CASH}: dividends paid; {_INCOME}: net income"),
    (
        r"capital[- ]intensive",
        f"{_BALANCE}: property, plant and equipment, total assets; {_CASH}: capital expenditures",
    ),
    (r"(?:balance sheet )?debt", f"{_BALANCE}: short-term debt, long-term debt"),
    (r"liabilit(?:y|ies)", f"{_BALANCE}: total current liabilities, total liabilities"),
    (r"property,? plant,?(?: and equipment)?|goodwill|retained earnings", f"{_BALANCE}: total assets, equity"),
    (r"inventor(?:y|ies)|accounts (?:payable|receivable)|total assets", f"{_BALANCE}: current assets, liabilities"),
    (r"(?:total )?(?:revenues?|net sales)|net (?:income|earnings)", f"{_INCOME}: revenues, net sales, net income"),
    (r"dividends?|share repurchases|stock repurchases", f"{_CASH}: dividends paid, repurchases"),
    (r"liquidez corrente|capital de giro", f"{_POSITION}: ativo circulante, passivo circulante"),
    (r"liquidez seca", f"{_POSITION}: ativo circulante, estoques, passivo circulante"),
    (r"margem bruta", f"{_RESULT}: receita líquida, custo dos produtos vendidos, lucro bruto"),
    (r"margem operacional", f"{_RESULT}: receita líquida, resultado operacional"),
    (r"margem líquida", f"{_RESULT}: receita líquida, lucro líquido"),
    (r"lajida", f"{_RESULT}: resultado operacional, depreciação e amortização"),
    (r"endividamento|dívida líquida", f"{_POSITION}: empréstimos e financiamentos, caixa e equivalentes de caixa"),
    (r"imobilizado", f"{_POSITION}: ativo imobilizado líquido"),
)
_PATTERNS = tuple((re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE), lines) for pattern, lines in _TERMS)


def lines_behind(question: str) -> list[str]:
    """The statement lines that a question's terms rest on, in the order of the glossary; empty where it uses none."""
    return [lines for pattern, lines in _PATTERNS if pattern.search(question)]
