"""Contracts of the core tables of the market: sponsors' tickers, prices, readouts and the reaction to them."""

from cto.schema import Table

MARKET: tuple[Table, ...] = ()
