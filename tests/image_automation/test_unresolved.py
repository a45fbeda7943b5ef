from gotk.api.image import ImageRef
from image_automation import unresolved
from image_automation.selection import Selection


def test_the_version_of_a_chart_that_is_no_tag_is_told_from_an_image():
    chosen = ImageRef(name="charts.example.com/web", tag="1.2.0+up2")
    selected = Selection({"web": chosen}, frozenset({"web"}))
    said = unresolved.why("apps:web", "apps", selected, lambda *_: False)
    assert said == "1.2.0+up2 is the version of a chart and no image's tag: mark the version with apps:web:tag"
