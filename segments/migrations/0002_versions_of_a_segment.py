import django.db.models.deletion
import segments.models
from django.conf import settings
from django.db import migrations, models


# What every segment is today is its first version; who saved it nobody wrote down.
FIRST = """
    INSERT INTO segments_segmentversion (segment_id, number, name, description, rule, document, source, saved_at)
    SELECT id, 1, name, description, rule, document, 'earlier', updated_at FROM segments_segment
"""


class Migration(migrations.Migration):

    dependencies = [
        ('segments', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SegmentVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=500)),
                ('description', models.TextField(blank=True)),
                ('rule', models.JSONField(null=True)),
                ('document', segments.models.OrderedJSONField(null=True)),
                ('source', models.CharField(choices=[('admin', 'in the admin'), ('api', 'over the API'), ('swipeone', 'over the Swipe One API'), ('tiledesk', 'over the Tiledesk API'), ('segmenter', 'over the Segmenter API'), ('command', 'by a command'), ('earlier', 'before versions were kept')], max_length=9)),
                ('saved_at', models.DateTimeField()),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('segment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='segments.segment')),
            ],
            options={
                'ordering': ['segment_id', '-number'],
                'constraints': [models.UniqueConstraint(fields=('segment', 'number'), name='version_number_once_per_segment'), models.CheckConstraint(condition=models.Q(('source__in', ['admin', 'api', 'swipeone', 'tiledesk', 'segmenter', 'command', 'earlier'])), name='version_source_is_known')],
            },
        ),
        migrations.RunSQL(FIRST, migrations.RunSQL.noop),
    ]
