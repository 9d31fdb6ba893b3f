"""The part of a definition that customers read and see: texts, links, contacts and pictures.

Everything is optional; what is missing is for the LST rules (`generator.listing_rules`) to say.
"""

from __future__ import annotations

from pydantic import Field

from generator.closed import Closed


class Contact(Closed):
    """A person or a desk that Microsoft or customers turn to; LST-LINK-001."""

    name: str = ""
    email: str = ""
    phone: str = ""


class Contacts(Closed):
    support: Contact = Field(default_factory=Contact, description="For customers; LST-LINK-001")
    engineering: Contact = Field(default_factory=Contact, description="For Microsoft; LST-LINK-001")


class Logos(Closed):
    """PNG files, square; LST-LOGO-001."""

    large: str | None = Field(None, description="216-350 pixels; a listing needs it")
    medium: str | None = Field(None, description="90 pixels")
    small: str | None = Field(None, description="48 pixels")


class Screenshot(Closed):
    """LST-SHOT-001."""

    file: str = Field(description="PNG of 1280x720 pixels, relative to the definition")
    caption: str = ""


class Video(Closed):
    """LST-SHOT-001."""

    title: str = ""
    url: str = Field(description="On YouTube or Vimeo")
    thumbnail: str = Field(description="PNG of 1280x720 pixels, relative to the definition")


class Listing(Closed):
    """What the offer's page in the Marketplace shows; the LST rules judge it when it is given."""

    language: str = Field("English", description="In English, as in `German`; LST-LANG-001")
    description: str = Field("", description="The page's text, plain or HTML; LST-LANG-001")
    privacy_policy: str = Field("", description="URL; LST-LINK-001")
    contacts: Contacts = Field(default_factory=Contacts)
    logos: Logos = Field(default_factory=Logos)
    screenshots: list[Screenshot] = Field(default_factory=list, description="At most 5; LST-SHOT-001")
    videos: list[Video] = Field(default_factory=list, description="At most 5; LST-SHOT-001")
