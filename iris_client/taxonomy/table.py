"""The tables behind `iris_client.taxonomy.names`: as SkyPortal (tdtax 0.1.7), the TNS, BTS and WISeREP write them.

Keys are in the plain form that `iris_client.taxonomy.names` makes: lower case, no `SN`/`AT` prefix, blanks and
underscores as hyphens, no `-like`. Fine classes follow Table XIV of the ASTRANet paper, also where its text differs:
Ia-CSM is SN II.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


def _invert(table: Mapping[str, str]) -> Mapping[str, str]:
    """From class -> "name name name" to name -> class."""
    pairs = [(name, target) for target, names in table.items() for name in _words(names)]
    repeated = {name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1}
    if repeated:
        raise ValueError(f"names with two meanings: {sorted(repeated)}")
    return MappingProxyType(dict(pairs))


FINE_OF: Final = _invert(
    {
        "SN Ia": """
            ia ia-norm ia-normal normal-ia ia-91t 91t ia-91bg 91bg ia-99aa ia-00cx ia-02cx iax iax[02cx]
            ia-03fg ia-sc ia-18byg ia-06gz ia-09dc ia-86g ia-pec ia-p ia-hv computed-ia""",
        "SN Ibc": """
            ib ib-norm ib-pec ib-p ibn ibn-pec ic ic-norm ic-pec ic-p ic-bl ic-broad icbl ic-hyp icn
            icn-pec ib/c ibc ib/c-pec ie ien hypernova""",
        "SLSN": """
            slsn slsn-i slsn-r slsn-i-r slsn-i.5 slsn-ii slsn-iin ic-slsn ic.5-slsn ii-slsn slsn-ic
            super-luminous super-luminous-i super-luminous-ic super-luminous-ii superluminous""",
        "SN II": """
            ii ii-norm ii-normal iip ii-p iil ii-l ii-pec ii-pe iipec iin iin-pec iib ii-b iib-pec
            ii-87a ii-87a-pec ia-csm ia-02ic ia-csm-(ambiguous)""",
        "AGN": """
            agn agn-i agn-ii clagn changing-look-agn seyfert seyfert-1 seyfert-1.5 seyfert-1.8
            seyfert-1.9 seyfert-2 sy sy1 sy2 liner nls1 nlsy1 galactic-nuclei active-galactic-nuclei""",
        "CV": """
            cv cataclysmic cataclysmic-variable dwarf-nova dn u-gem ss-cyg z-cam su-uma su-umaj er-u-maj
            wz-sge nova-like nova-like-variable sw-sex vy-scl ux-uma am-cvn dwarf-nova-outburst
            dwarf-nova-quiescence polar polars am-her dq-her intermediate-polar""",
        "TDE": """
            tde tde-h tde-he tde-h+he tde-h-he tde-hhe tde-bowen tde-featureless tde-coronal
            tidal-disruption-event""",
    }
)
"""Plain name to fine class."""

RARE_OF: Final = _invert(
    {
        "QSO": "qso quasar ovv lensed-qso",
        "Blazar": "blazar fsrq fsrq-like-blazar",
        "BL Lac": "bl-lac bllac",
        "Nova": "nova novae classical-nova recurrent-nova helium-nova",
        "GRB afterglow": "afterglow grb-afterglow",
        "GRB": "grb long-grb short-grb",
        "ILRT": "ilrt gap-i",
        "LRN": "lrn luminous-red-nova gap-ii",
        "FBOT": "fbot felt cow",
        "Ca-rich": """
            ca-rich ca-strong ia-ca-rich ib-ca-rich ic-ca-rich ib/c-ca-rich ibc-ca-rich ii-ca-rich
            ca-rich-ca i-faint""",
        "Kilonova": "kilonova kn compact-merger dns ns-bh",
        "LBV/SN impostor": "lbv impostor sn-impostor impostor-sn imposter s-doradus iin/lbv",
        "Other:Galaxy": "galaxy host starburst other:galaxy",
        "Other:M dwarf": "m-dwarf m-star flare-star uv-ceti",
        "Other:fast/.Ia": "i-rapid .ia",
        "Other:SN Id": "id idn",
        "Other:Gap": "gap",
        "Other:Lens": "gravitational-lensing microlensing binary-lens triple-system-lens binary-source",
        "Other:Light echo": "light-echo",
        "Other:PISN": "pisn computed-pisn",
        "Other:Solar system": "solar-system-object sso asteroid comet moving-object",
        "Other:Star": """
            star varstar var variable-star wr wr-wn wr-wc wr-wo wolf-rayet white-dwarf wd symbiotic-var
            x-ray-burster eclipsing beta-lyrae system-with-planet(s) rs-cvn w-ursae-maj ewa eww algol
            detached-ms-ms hw-vir compact-binary dwd nn-ser redback-pulsar rotating sx-ari alpha2-cvn
            rapidly-oscillating fk-comae-bern pulsar by-dra eruptive gamma-cas be shell r-cor-borealis
            dy-per yso fu-ori orion w/abs t-tauri ttc ttw herbig-ae/be fs-cma pulsating gamma-doradus
            sx-phe rr-lyrae rrcl rrab rrc rrd rre blazhko alpha-cygni lpv mira semiregular sra/z-aquarii
            srb src srd osarg rv-tau const-mean-mag var-mean-mag pulsating-wd gw-vir zz-ceti h-abs-only
            he-abs-only showing-heii sun-analogue delta-scuti low-amp high-amp pms-delta-scuti
            pv-telescopii beta-cephei population-ii-cepheid bl-her w-vir cepheid anomolous mult-mode
            classical symmetrical fundamental overtone spb blap""",
    }
)
"""Plain name to rare class: real things that the seven classes have no place for."""

NO_CLASS: Final = frozenset(
    _words("""
    sn supernova i type-i unclassified unknown n/a na none other non-sn nonstellar transient stripped-envelope
    stripped-envelope-sn interacting interacting-sn cc core-collapse time-domain-source stellar-variable duplicate
    bogus junk std-spec standard dm-annihilation frb black-hole""")
)
"""Plain names that are well known and say too little for any class."""

TDTAX_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "SN Ia": ("Ia",),
        "SN Ibc": ("Ib/c",),
        "SLSN": ("SLSN", "SLSN-I", "Ic-SLSN", "Supernova"),
        "SN II": ("Type II",),
        "AGN": ("AGN",),
        "CV": ("Cataclysmic",),
        "TDE": ("Tidal Disruption Event",),
    }
)
"""Fine class to what a marshal's taxonomy may call it; the first that it has is meant. tdtax has the last two of SLSN.

tdtax knows Ic-SLSN (its name of SLSN-I) and II-SLSN but nothing above both except Supernova, which would hide what it
is. The classifier does not tell them apart: of the 207 SLSNe in its data 22 are called type II.
Cataclysmic is what Fritz files its CVs under (Table XIV), though the tree puts supernovae below it as well.
"""
