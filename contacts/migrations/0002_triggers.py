"""Triggers that keep the columnar snapshot honest, whoever writes: ORM, COPY, raw SQL, admin."""

from django.db import migrations

# Rule 2: one mark for every written contact, in the transaction that writes it.
MARKS = """
CREATE FUNCTION contacts_mark_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contacts_contactmark (workspace_id, contact_id) SELECT workspace_id, id FROM written;
    RETURN NULL;
END $$;

CREATE TRIGGER contact_inserted AFTER INSERT ON contacts_contact
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION contacts_mark_written();
CREATE TRIGGER contact_updated AFTER UPDATE ON contacts_contact
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION contacts_mark_written();
CREATE TRIGGER contact_deleted AFTER DELETE ON contacts_contact
    REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION contacts_mark_written();
"""

# Rule 5: a contact's id and workspace are for life, and TRUNCATE, which fires no row or DELETE trigger, empties all.
IDENTITY = """
CREATE FUNCTION contacts_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a contact keeps its id and its workspace for life' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER contact_keeps_identity BEFORE UPDATE OF id, workspace_id ON contacts_contact FOR EACH ROW
    WHEN (NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id) EXECUTE FUNCTION contacts_keep_identity();

CREATE FUNCTION contacts_forget_snapshot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM contacts_contactmark;
    DELETE FROM contacts_snapshotcolumn;
    RETURN NULL;
END $$;

CREATE TRIGGER contact_truncated AFTER TRUNCATE ON contacts_contact
    FOR EACH STATEMENT EXECUTE FUNCTION contacts_forget_snapshot();
"""

# Rule 6: a property's type is for life, and declaring a property marks the contacts whose JSON holds its name already.
# The lock of the refresh is taken first: a contact that is written between the scan for those names and the commit
# keeps its mark until the property is there to be read.
PROPERTIES = """
CREATE FUNCTION contacts_lock_snapshot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('snapshot:' || NEW.workspace_id, 0));
    RETURN NEW;
END $$;

CREATE TRIGGER property_locks BEFORE INSERT ON contacts_property
    FOR EACH ROW EXECUTE FUNCTION contacts_lock_snapshot();
CREATE TRIGGER substitution_tag_locks BEFORE INSERT ON contacts_substitutiontag
    FOR EACH ROW EXECUTE FUNCTION contacts_lock_snapshot();

CREATE FUNCTION contacts_mark_holders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contacts_contactmark (workspace_id, contact_id)
    SELECT contact.workspace_id, contact.id
    FROM (SELECT workspace_id, array_agg(name) AS names FROM declared GROUP BY workspace_id) AS fresh
    JOIN contacts_contact AS contact ON contact.workspace_id = fresh.workspace_id AND contact.custom ?| fresh.names;
    RETURN NULL;
END $$;

CREATE TRIGGER property_declared AFTER INSERT ON contacts_property
    REFERENCING NEW TABLE AS declared FOR EACH STATEMENT EXECUTE FUNCTION contacts_mark_holders();

CREATE FUNCTION contacts_mark_tag_holders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contacts_contactmark (workspace_id, contact_id)
    SELECT contact.workspace_id, contact.id
    FROM (SELECT workspace_id, array_agg(tag) AS tags FROM declared GROUP BY workspace_id) AS fresh
    JOIN contacts_contact AS contact ON contact.workspace_id = fresh.workspace_id AND contact.substitution_tags ?| fresh.tags;
    RETURN NULL;
END $$;

CREATE TRIGGER substitution_tag_declared AFTER INSERT ON contacts_substitutiontag
    REFERENCING NEW TABLE AS declared FOR EACH STATEMENT EXECUTE FUNCTION contacts_mark_tag_holders();

CREATE FUNCTION contacts_keep_property() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a property keeps its workspace, name and type for life; make another one instead'
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER property_keeps_type BEFORE UPDATE ON contacts_property FOR EACH ROW
    WHEN (ROW(NEW.id, NEW.workspace_id, NEW.name, NEW.type) <> ROW(OLD.id, OLD.workspace_id, OLD.name, OLD.type))
    EXECUTE FUNCTION contacts_keep_property();
CREATE TRIGGER substitution_tag_keeps_name BEFORE UPDATE ON contacts_substitutiontag FOR EACH ROW
    WHEN (ROW(NEW.id, NEW.workspace_id, NEW.tag) <> ROW(OLD.id, OLD.workspace_id, OLD.tag))
    EXECUTE FUNCTION contacts_keep_property();
"""

# A stored day is read in the workspace's time zone: when that changes, everybody is read anew.
TIMEZONE = """
CREATE FUNCTION contacts_lock_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('snapshot:' || NEW.id, 0));
    RETURN NEW;
END $$;

CREATE FUNCTION contacts_mark_workspace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contacts_contactmark (workspace_id, contact_id)
    SELECT workspace_id, id FROM contacts_contact WHERE workspace_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER timezone_locks BEFORE UPDATE OF timezone ON workspaces_workspace FOR EACH ROW
    WHEN (NEW.timezone <> OLD.timezone) EXECUTE FUNCTION contacts_lock_zone();
CREATE TRIGGER timezone_changed AFTER UPDATE OF timezone ON workspaces_workspace FOR EACH ROW
    WHEN (NEW.timezone <> OLD.timezone) EXECUTE FUNCTION contacts_mark_workspace();
"""

# Marks have no foreign key, so they outlive their workspace unless something clears them. The columns are compressed
# already; PostgreSQL need not try again.
UPKEEP = """
CREATE FUNCTION contacts_forget_workspace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM contacts_contactmark WHERE workspace_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER workspace_deleted AFTER DELETE ON workspaces_workspace
    FOR EACH ROW EXECUTE FUNCTION contacts_forget_workspace();

ALTER TABLE contacts_snapshotcolumn ALTER COLUMN data SET STORAGE EXTERNAL;

-- The planner takes no statistics from a partial index; without these it scans the workspace for each e-mail address.
CREATE STATISTICS contact_email_lowered ON (lower(email)) FROM contacts_contact;
"""

UNDO = """
DROP STATISTICS contact_email_lowered;
DROP FUNCTION contacts_mark_written, contacts_keep_identity, contacts_forget_snapshot, contacts_lock_snapshot,
    contacts_mark_holders, contacts_mark_tag_holders, contacts_keep_property, contacts_lock_zone,
    contacts_mark_workspace, contacts_forget_workspace CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial")]
    operations = [migrations.RunSQL(MARKS + IDENTITY + PROPERTIES + TIMEZONE + UPKEEP, UNDO)]
