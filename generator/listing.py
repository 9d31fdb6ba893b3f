"""The part of a definition that customers read and see: texts, links, contacts and pictures.

Everything is optional; what is missing is for the LST rules (`generator.listing_rules`) to say.
"""

from __future__ import annotations

from pydantic import Field

from generator.closed import Closed


class Contact(Closed):
    """A person or a desk, with all three."""

    name: str = Field("", description="Of a person or a desk; LST-LINK-001", examples=["Help desk"])
    email: str = Field("", description="An e-mail address; LST-LINK-001", examples=["help@contoso.com"])
    phone: str = Field("", description="A telephone number; LST-LINK-001", examples=["+1 425 555 0100"])


class Contacts(Closed):
    """Whom Microsoft can turn to, one for each kind of question."""

    support: Contact = Field(
        Contact(),
        description="For questions of customers; LST-LINK-001",
        examples=[{"name": "Help desk", "email": "help@contoso.com", "phone": "+1 425 555 0100"}],
    )
    engineering: Contact = Field(
        Contact(),
        description="For questions of Microsoft; LST-LINK-001",
        examples=[{"name": "Ann Beebe", "email": "ann@contoso.com", "phone": "+1 425 555 0101"}],
    )


class Logos(Closed):
    """PNG files, square."""

    large: str | None = Field(
        None,
        description="PNG of 216-350 pixels, square, relative to the definition; required; LST-LOGO-001",
        examples=["files/logo-300.png"],
    )
    medium: str | None = Field(
        None,
        description="PNG of 90 x 90 pixels, relative to the definition; LST-LOGO-001",
        examples=["files/logo-90.png"],
    )
    small: str | None = Field(
        None,
        description="PNG of 48 x 48 pixels, relative to the definition; LST-LOGO-001",
        examples=["files/logo-48.png"],
    )


class Screenshot(Closed):
    """A picture of the product."""

    file: str = Field(
        description="PNG of 1280 x 720 pixels, relative to the definition; LST-SHOT-001",
        examples=["files/shop.png"],
    )
    caption: str = Field(
        "",
        description="What it shows; may not stay empty; LST-SHOT-001",
        examples=["The shop on the day it opens"],
    )


class Video(Closed):
    """A video of the product."""

    title: str = Field("", description="Shown under the video", examples=["Five minutes with the shop"])
    url: str = Field(
        description="Its page on YouTube or Vimeo; LST-SHOT-001", examples=["https://vimeo.com/123456789"]
    )
    thumbnail: str = Field(
        description="PNG of 1280 x 720 pixels, relative to the definition; LST-SHOT-001",
        examples=["files/video.png"],
    )


class Listing(Closed):
    """What the offer's page in the Marketplace shows."""

    language: str = Field(
        "English",
        description="Language of the page, in English; for any other, description has to begin with a set "
        "sentence; LST-LANG-001",
        examples=["English", "German"],
    )
    description: str = Field(
        "",
        description="The page's text, plain or HTML; LST-LANG-001",
        examples=["Sells what you make."],
    )
    privacy_policy: str = Field(
        "",
        description="URL of your privacy policy; LST-LINK-001",
        examples=["https://contoso.com/privacy"],
    )
    contacts: Contacts = Field(
        Contacts(),
        description="Two people or desks, each with name, email and phone; LST-LINK-001",
        examples=[
            {
                "support": {"name": "Help desk", "email": "help@contoso.com", "phone": "+1 425 555 0100"},
                "engineering": {"name": "Ann Beebe", "email": "ann@contoso.com", "phone": "+1 425 555 0101"},
            }
        ],
    )
    logos: Logos = Field(
        Logos(),
        description="Square PNG files; LST-LOGO-001",
        examples=[{"large": "files/logo-300.png"}],
    )
    screenshots: list[Screenshot] = Field(
        [],
        description="At most 5; LST-SHOT-001",
        examples=[[{"file": "files/shop.png", "caption": "The shop on the day it opens"}]],
    )
    videos: list[Video] = Field(
        [],
        description="At most 5; LST-SHOT-001",
        examples=[[{"url": "https://vimeo.com/123456789", "thumbnail": "files/video.png"}]],
    )
