"""What commands tell: tables, pages, cards, pictures."""
