"""interim"""
class Selector:
    def __init__(self, text):
        self.terms = []
        for part in text.split(","):
            neg = "!=" in part
            k, _, v = part.replace("!=", "=").replace("==", "=").partition("=")
            self.terms.append((k.strip(), v.strip(), neg, "=" in part))
        self.keys = tuple(t[0] for t in self.terms)
    def matches(self, values):
        for k, v, neg, eq in self.terms:
            if not eq:
                if k not in values: return False
            elif (values.get(k) == v) == neg:
                return False
        return True
def parse_labels(text): return Selector(text)
def parse_fields(text): return Selector(text)
