"""Union-find: which of many things belong together, when all that is known are pairs (Tarjan 1975, JACM 22, 215)."""

from collections import defaultdict


class Unions:
    """Sets of the numbers 0 to n - 1, each alone at first; a set is represented by its smallest member."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, i: int) -> int:
        """The smallest member of the set of `i`."""
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Make one set of two."""
        a, b = sorted((self.root(i), self.root(j)))
        self._parent[b] = a

    def joined(self, i: int, j: int) -> bool:
        """Whether two numbers are in one set."""
        return self.root(i) == self.root(j)

    def clusters(self) -> tuple[tuple[int, ...], ...]:
        """The sets of two members and more, each in order, the sets by their first member."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for i in range(len(self._parent)):
            found[self.root(i)].append(i)
        return tuple(tuple(members) for _, members in sorted(found.items()) if len(members) > 1)
