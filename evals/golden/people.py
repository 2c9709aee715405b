"""Invented people, payers and payees. Names are put together at random: any likeness to a living person is chance.

Names are in capitals without diacritics, as the tax registry keeps them. Numbers have valid check digits, as a made-up
number of a real form would: nothing here was taken from a person.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from evals.golden.declaration import Person

_FIRST = """
ADALGISA ALICE AMANDA ANA ANTONIO ARTUR AUGUSTO BEATRIZ BENEDITA BENTO BRENO BRUNA CAETANO CAIO CAMILA CARLA CECILIA
CELSO CLARICE CLEIDE DALVA DANIEL DAVI DENISE DIEGO DIRCEU EDUARDO ELIANE ELIS EMERSON ENZO ESTELA EVA FABIANA FELIPE
FLAVIA GERALDO GILDA GUSTAVO HEITOR HELENA HORACIO IARA IGOR INES ISAURA IVO JANAINA JOANA JOAQUIM JONAS JULIA LAERTE
LAURA LEANDRO LEO LIA LIDIA LORENA LUANA LUCAS LUIZA MARCELO MARINA MATEUS MIGUEL MIRIAM MOACIR NADIA NELSON NICOLAS
NOEMI OLGA OTAVIO PALOMA PAULO PEDRO RAFAELA RAUL REGINA RENATO RITA ROGERIO ROSANGELA RUI SABRINA SAMUEL SELMA SILVIO
SOFIA TADEU TAIS TERESA TOMAS ULISSES VALERIA VANESSA VERA VICENTE VITORIA WAGNER YARA ZELIA
""".split()  # noqa: SIM905 (one name a line would fill two screens)
_LAST = """
ABREU AGUIAR ALENCAR AMARAL ANTUNES ARANTES ASSIS AZEVEDO BARCELOS BARROSO BASTOS BEZERRA BITTENCOURT BORGES BRANDAO
BUENO CABRAL CALDEIRA CAMARGO CANDIDO CARNEIRO CARVALHO CASTANHO CAVALCANTE CORDEIRO COUTINHO DAMASCENO DIAS DUARTE
ESTEVES FAGUNDES FARIAS FIGUEIRA FONTES FREITAS FURTADO GALVAO GARCIA GODOI GOUVEIA GUEDES GUIMARAES LACERDA LEITE
LEMOS LISBOA LOBATO LOPES MACEDO MACHADO MAGALHAES MARINHO MATTOS MEIRELES MENDES MONTEIRO MORAIS MOURA NAVES NEVES
NOGUEIRA NUNES PACHECO PAIVA PEIXOTO PINHEIRO PORTELA PRADO QUEIROZ RAMOS REIS REZENDE ROCHA SALES SAMPAIO SEABRA
SIQUEIRA SOARES TAVARES TEIXEIRA TELES TRINDADE UCHOA VALADARES VARELA VASCONCELOS VIEIRA VILELA XAVIER
""".split()  # noqa: SIM905 (one name a line would fill two screens)
_JOINED_BY = ("DE", "DOS", "DA", "DO")

CITIES = (
    ("SAO PAULO", "SP"), ("CAMPINAS", "SP"), ("RIO DE JANEIRO", "RJ"), ("NITEROI", "RJ"), ("BELO HORIZONTE", "MG"),
    ("OURO PRETO", "MG"), ("SALVADOR", "BA"), ("RECIFE", "PE"), ("FORTALEZA", "CE"), ("MANAUS", "AM"), ("BELEM", "PA"),
    ("GOIANIA", "GO"), ("BRASILIA", "DF"), ("CURITIBA", "PR"), ("LONDRINA", "PR"), ("PORTO ALEGRE", "RS"),
    ("FLORIANOPOLIS", "SC"), ("VITORIA", "ES"), ("NATAL", "RN"), ("CUIABA", "MT"),
)  # fmt: skip
OCCUPATIONS = (
    "PROFESSOR DO ENSINO MEDIO", "ENFERMEIRO", "ANALISTA DE SISTEMAS", "ENGENHEIRO CIVIL", "BANCARIO", "ADVOGADO",
    "SERVIDOR PUBLICO ESTADUAL", "CONTADOR", "GERENTE COMERCIAL", "MEDICO", "TECNICO EM ELETRONICA", "APOSENTADO",
    "JORNALISTA", "FARMACEUTICO", "MOTORISTA", "DIRETOR DE EMPRESA",
)  # fmt: skip
_COMPANY_HEADS = (
    "COMERCIAL", "INDUSTRIA", "TRANSPORTES", "CONSTRUTORA", "LABORATORIO", "EDITORA", "METALURGICA", "COOPERATIVA",
    "DISTRIBUIDORA", "TECELAGEM", "CONSULTORIA", "FUNDACAO",
)  # fmt: skip
_COMPANY_NAMES = (
    "SERRA AZUL", "VALE VERDE", "ROSA DOS VENTOS", "PEDRA CLARA", "TRES PONTES", "LUA NOVA", "RIO MANSO", "CAMPO LARGO",
    "ESTRELA DO SUL", "MATA ALTA", "BOA VIAGEM", "PORTO SECO", "SETE LAGOAS", "NOVO RUMO", "AGUA FUNDA",
)  # fmt: skip
_COMPANY_TAILS = ("LTDA", "S/A", "EIRELI", "ME", "EPP")
_PAYEES = {
    "01": ("COLEGIO", "ESCOLA", "FACULDADE"),
    "10": ("CLINICA MEDICA", "CONSULTORIO"),
    "11": ("ODONTOLOGIA", "CLINICA DENTARIA"),
    "21": ("HOSPITAL", "MATERNIDADE"),
    "26": ("PLANO DE SAUDE", "ASSISTENCIA MEDICA"),
    "36": ("PREVIDENCIA PRIVADA", "FUNDO DE PENSAO"),
}
_DAYS_IN_A_YEAR = 365
_CPF_WEIGHTS = range(10, 1, -1)
_CNPJ_WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def person(rng: Random, calendar_year: int, *, youngest: int, oldest: int) -> Person:
    """An invented person of an age, in years at the end of the calendar year."""
    age = rng.randint(youngest * _DAYS_IN_A_YEAR, oldest * _DAYS_IN_A_YEAR)
    return Person(name(rng), cpf_number(rng), date(calendar_year, 12, 31) - timedelta(days=age))


def name(rng: Random) -> str:
    """Two to five words: one or two first names, one or two last names, some with a joining word."""
    words = rng.sample(_FIRST, rng.choice((1, 1, 2)))
    last = rng.sample(_LAST, rng.choice((1, 2, 2)))
    if rng.random() < 0.35:
        last.insert(rng.randrange(len(last)), rng.choice(_JOINED_BY))
    return " ".join(words + last)


def cpf_number(rng: Random) -> str:
    """Eleven digits with valid check digits, never eleven times the same."""
    return _checked(_digits(rng, 9), (*_CPF_WEIGHTS,), (11, *_CPF_WEIGHTS))


def cnpj_number(rng: Random) -> str:
    """Fourteen digits with valid check digits: a first establishment, `/0001`."""
    return _checked(_digits(rng, 8) + "0001", _CNPJ_WEIGHTS, (6, *_CNPJ_WEIGHTS))


def receipt_number(rng: Random) -> str:
    """The ten digits of a return's receipt."""
    return _digits(rng, 10)


def with_wrong_check_digit(number: str) -> str:
    """The same CPF or CNPJ with another last digit, which no real number can have."""
    return number[:-1] + str((int(number[-1]) + 5) % 10)


def company(rng: Random, heads: Sequence[str] = _COMPANY_HEADS) -> str:
    """The name of an invented company."""
    return f"{rng.choice(heads)} {rng.choice(_COMPANY_NAMES)} {rng.choice(_COMPANY_TAILS)}"


def payee(rng: Random, code: str) -> str:
    """Who received a payment of an official code; a person for a code without companies (alimony)."""
    return company(rng, _PAYEES[code]) if code in _PAYEES else name(rng)


def payee_number(rng: Random, code: str) -> str:
    """The number of a payee: a CNPJ, or the CPF of a person."""
    return cnpj_number(rng) if code in _PAYEES else cpf_number(rng)


def _digits(rng: Random, count: int) -> str:
    while True:
        digits = "".join(rng.choice("0123456789") for _ in range(count))
        if len(set(digits)) > 1:
            return digits


def _checked(base: str, first: Sequence[int], second: Sequence[int]) -> str:
    """A number with its two check digits, modulo 11: the second one counts the first."""
    for weights in (first, second):
        base += str(-sum(int(d) * w for d, w in zip(base, weights, strict=True)) % 11 % 10)
    return base
