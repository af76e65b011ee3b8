"""Contracts of the core tables of the market: sponsors' tickers, prices, readouts and the reaction to them."""

from cto.schema import Column, Table
from warehouse.columns import NCT_ID, count

TICKER = Column("ticker", "VARCHAR", "Ticker of the company's common shares.", required=True)
COMPANY_NAME = Column("company_name", "VARCHAR", "Name under which the company is listed.")
OWNED = (
    Column(
        "owned_from", "DATE", "Day from which the company owned what bears the name; null: always, as far as known."
    ),
    Column("owned_to", "DATE", "Day from which it did no longer; null: it does."),
)
BASES = ("results_posted", "publication", "headline", "completion")
READOUT_BASIS = Column(
    "readout_basis",
    "VARCHAR",
    "What may have told: results posted to the registry, the first paper of results, the first headline that tells of "
    "a result; or the completion alone, which tells nothing of it.",
    required=True,
    values=BASES,
)
IS_FIRST = Column(
    "is_first", "BOOLEAN", "It is the first of the trial's readouts; a completion is none.", required=True
)
RETURN_BASES = ("index", "mean_of_others")

MARKET = (
    Table(
        "core_company_name",
        "One row a name and the company that goes by it, or owned what does; of companies that are listed now.",
        ("name", "ticker"),
        (
            Column("name", "VARCHAR", "Name in plain words, without the legal form.", required=True),
            TICKER,
            COMPANY_NAME,
            Column(
                "basis",
                "VARCHAR",
                "Where it is from: the SEC's list, or, reviewed by hand, another or a former name or a subsidiary.",
                required=True,
                values=("listed", "alias", "former_name", "subsidiary"),
            ),
            Column("core", "VARCHAR", "The name without its words for trade and place.", required=True),
            Column("is_own_core", "BOOLEAN", "That core tells this company and no other.", required=True),
            *OWNED,
        ),
    ),
    Table(
        "core_sponsor_ticker",
        "One row an industry sponsor's name and the listed company it is.",
        ("sponsor_name", "ticker"),
        (
            Column("sponsor_name", "VARCHAR", "Name of the sponsor as registered.", required=True),
            TICKER,
            COMPANY_NAME,
            Column(
                "match_basis",
                "VARCHAR",
                "How the names match: as they stand, but for the legal form, but for words of trade and place, or by a "
                "reviewed other or former name or subsidiary.",
                required=True,
                values=("exact", "normalised", "core", "alias", "former_name", "subsidiary"),
            ),
            Column("confidence", "DOUBLE", "How sure the match is, from 0 to 1.", required=True),
            *OWNED,
            Column("evidence", "VARCHAR", "A sentence that says why.", required=True),
        ),
    ),
    Table(
        "core_price",
        "One row a ticker and trading day.",
        ("ticker", "day"),
        (
            TICKER,
            Column("day", "DATE", "Trading day.", required=True),
            Column("day_index", "INTEGER", "Position, from 1, among the ticker's trading days.", required=True),
            Column(
                "role",
                "VARCHAR",
                "Whether it is a sponsor's, or a fund that stands for the market or the sector.",
                required=True,
                values=("sponsor", "market", "sector"),
            ),
            Column("open", "DOUBLE", "First price, adjusted for splits."),
            Column("close", "DOUBLE", "Last price, adjusted for splits.", required=True),
            Column("adj_close", "DOUBLE", "Last price, adjusted for splits and dividends.", required=True),
            Column("volume", "DOUBLE", "Shares traded."),
            Column("adjustment", "DOUBLE", "What the adjustment for dividends multiplies a price by.", required=True),
            Column("daily_return", "DOUBLE", "Change of adj_close since the trading day before, as a share of it."),
            Column("market_return", "DOUBLE", "The market's return that day."),
            Column("market_basis", "VARCHAR", "A fund's, or the mean of the other tickers.", values=RETURN_BASES),
            Column("sector_return", "DOUBLE", "The sector's return that day."),
            Column("sector_basis", "VARCHAR", "A fund's, or the mean of the other tickers.", values=RETURN_BASES),
        ),
    ),
    Table(
        "core_readout",
        "One row a trial and way in which its outcome may have come to be known.",
        ("nct_id", "readout_basis"),
        (
            NCT_ID,
            READOUT_BASIS,
            Column("readout_on", "DATE", "Day of it.", required=True),
            Column("readout_at", "TIMESTAMP", "Time of it, UTC, where that is known."),
            Column("source_id", "VARCHAR", "The headline_id or pmid that told."),
            IS_FIRST,
        ),
    ),
    Table(
        "core_market_reaction",
        "One row a trial and readout that the shares of its lead sponsor could react to.",
        ("nct_id", "readout_basis", "ticker"),
        (
            NCT_ID,
            READOUT_BASIS,
            TICKER,
            IS_FIRST,
            Column("event_day", "DATE", "First trading day on which prices could follow the readout.", required=True),
            Column("first_day", "DATE", "The trading day before.", required=True),
            Column("last_day", "DATE", "The third trading day after.", required=True),
            Column("total_return", "DOUBLE", "Sum of the five daily returns.", required=True),
            Column("abnormal_return", "DOUBLE", "That sum less what the adjustment explains.", required=True),
            Column("noise", "DOUBLE", "Standard deviation of such sums before the readout.", required=True),
            Column("z", "DOUBLE", "abnormal_return in units of noise.", required=True),
            Column("market_beta", "DOUBLE", "How much of the market's return the shares followed.", required=True),
            Column("sector_beta", "DOUBLE", "How much of the sector's; null when not adjusted for."),
            Column(
                "adjusted_for",
                "VARCHAR",
                "What the expected return is made of.",
                required=True,
                values=("market_and_sector", "market", "mean_of_others"),
            ),
            count("n_days", "Trading days that the adjustment was estimated on."),
            count(
                "n_trials", "Trials that this company read out on that day in the same way; they share the reaction."
            ),
        ),
    ),
)
