"""What the law of a year is searched with for the triage of a filing. Data, in the words of the law.

With these words the six passages that the model needs are the first six of their year, in all eleven years of the rule
corpus (`evals.eval_triage` prints the ranks). The year is not named: the scope says it, and a question that names a year
finds the passages that name it too, which are not those that state amounts.
"""

QUESTION = (
    "Base de cálculo, tabela com alíquota e parcela a deduzir; dependente, instrução e previdência complementar; desconto "
    "simplificado em vez de todas as deduções legais; imposto retido na fonte ou recolhido no ano é abatido, o saldo é a "
    "pagar ou a restituir; fonte pagadora com CNPJ ou CPF; recibo da declaração original que a retificadora corrige."
)
