"""Orders of a shop, month by month: what each customer has spent.

On the command line:

    csvpipe run docs/examples/orders.py:import_orders docs/examples/orders-*.csv --rejects rejects
"""

import sys
from collections import defaultdict
from datetime import date
from decimal import Decimal
from enum import Enum
from threading import Lock

import attrs

import csvpipe


class Status(Enum):
    """How far an order has come, as the shop spells it."""

    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


@attrs.frozen
class Order:
    """One row: the fields are the columns, their types are what the cells must be."""

    id: int
    customer: str
    ordered: date
    status: Status
    quantity: int
    unit_price: Decimal
    express: bool
    discount: Decimal | None = None  # an empty cell becomes None
    note: str | None = None

    @property
    def total(self) -> Decimal:
        """What the customer pays."""
        return self.quantity * self.unit_price - (self.discount or 0)


# Several workers call the handler at the same time. A database would keep them apart; here a lock does.
spent: defaultdict[str, Decimal] = defaultdict(Decimal)
spent_lock = Lock()


@csvpipe.pipeline
def import_orders(order: Order) -> None:
    """Add an order to what its customer has spent."""
    if order.status is Status.CANCELLED:
        raise csvpipe.Skip("cancelled orders cost nothing")
    if order.quantity < 1:
        raise csvpipe.Reject("quantity must be at least 1", column="quantity", code="quantity")
    if order.total < 0:
        raise csvpipe.Reject(
            f"a discount of {order.discount} is more than the price", column="discount", code="discount"
        )
    with spent_lock:
        spent[order.customer] += order.total


if __name__ == "__main__":  # the same without the command line: python orders.py orders-april.csv ...
    for record in csvpipe.run(import_orders, *sys.argv[1:]):
        print(
            f"{record.filename}: {record.status.value}, {record.processed_rows} processed, {record.failed_rows} failed"
        )
    for customer, amount in sorted(spent.items()):
        print(f"{customer:<16} {amount:>10}")
