"""From a rule to people: one evaluation, and the counts, pages, searches and exports made from it."""
