"""Whether a contact is temporary becomes a property; the trash gets an index of its own."""

from django.db import migrations, models

# The snapshot has no column for the new property: everybody is taken in anew.
EVERYBODY = """
INSERT INTO contacts_contactmark (workspace_id, contact_id) SELECT workspace_id, id FROM contacts_contact;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0003_property_summary")]
    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                condition=models.Q(("lifecycle", "trashed")), fields=["workspace", "id"], name="contact_in_trash"
            ),
        ),
        migrations.RunSQL(EVERYBODY, migrations.RunSQL.noop),
    ]
