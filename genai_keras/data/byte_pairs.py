"""Byte-pair encoding: how a text is cut into words, and which pairs in them become one token."""

import heapq
import re
from collections import Counter, defaultdict
from itertools import pairwise

BYTES = 256

# Letters, digits or signs, with one leading space if there is one; or white space, which leaves
# its last space to the next word. At most 32 characters, so that a text without spaces takes no
# longer than others.
WORDS = re.compile(
    r" ?[^\W\d_]{1,32}| ?\d{1,32}| ?(?:[^\w\s]|_){1,32}|\s{1,32}?(?= ?\S|\Z)|\s{1,32}"
)


def cut_words(text):
    """The words of a text, in order; joined, they give the text."""
    return WORDS.findall(text)


def to_bytes(text):
    """A text in UTF-8."""
    # A command-line argument may contain lone surrogates, which strict UTF-8 rejects.
    return text.encode("utf-8", "surrogatepass")


def learn_merges(text, most):
    """Repeatedly merges the most frequent pair of neighbours within words.

    Among equally frequent pairs, the one with the smallest tokens is merged.

    Args:
        text: the text to learn from, or pieces of it that end where a word ends.
        most: largest number of merges; there are fewer if no remaining pair occurs twice.

    Returns:
        A list of pairs of tokens, in the order in which they were learnt. 0 to 255 are the bytes,
        256 is the first merge, and so on.
    """
    words = Counter()
    for piece in [text] if isinstance(text, str) else text:
        words.update(cut_words(piece))
    words = [(list(to_bytes(word)), count) for word, count in words.items()]
    counts, places = Counter(), defaultdict(set)  # of each pair; places: the words that contain it
    for number, (tokens, count) in enumerate(words):
        for pair in pairwise(tokens):
            counts[pair] += count
            places[pair].add(number)
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    merges = []
    while queue and len(merges) < most:
        negative_count, pair = heapq.heappop(queue)
        if -negative_count != counts[pair]:
            continue  # an outdated count; the current one is also in the queue
        if counts[pair] < 2:
            break
        changes = Counter()
        for number in places.pop(pair):
            tokens, count = words[number]
            word_changes = []
            words[number] = merge(tokens, pair, BYTES + len(merges), word_changes), count
            for changed, sign in word_changes:
                changes[changed] += sign * count
                if sign > 0:
                    places[changed].add(number)
        for changed, change in changes.items():
            if change:
                counts[changed] += change
                heapq.heappush(queue, (-counts[changed], changed))
        merges.append(pair)
    return merges


def merge(tokens, pair, merged, changes=None):
    """The tokens with every occurrence of a pair, from the left, merged into one token.

    `changes`, a list, gets `(pair, -1)` for each pair removed and `(pair, 1)` for each pair added.
    """
    left, right = pair
    result, position, last = [], 0, len(tokens) - 1
    while position <= last:
        token = tokens[position]
        if token != left or position == last or tokens[position + 1] != right:
            result.append(token)
            position += 1
            continue
        if changes is not None:
            changes.append((pair, -1))
            if result:
                changes += ((result[-1], left), -1), ((result[-1], merged), 1)
            if position + 1 < last:
                after = tokens[position + 2]
                changes += ((right, after), -1), ((merged, after), 1)
        result.append(merged)
        position += 2
    return result
